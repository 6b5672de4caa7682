//! What people are told of the system itself: a heading, what is so, and what to do.

use super::Fault;
use super::weekly::Week;
use std::fmt::Write as _;

/// Heading and text.
pub(super) type Said = (String, String);

/// That something is wrong.
pub(super) fn begins(fault: &Fault, city: &str, lang: &str) -> Said {
    let (heading, text) = match lang {
        "es" => spanish(fault),
        _ => english(fault),
    };
    (format!("{city}: {heading}"), text)
}

/// That it is over.
pub(super) fn ends(fault: &Fault, city: &str, since: &str, lang: &str) -> Said {
    match lang {
        "es" => (
            format!("{city}: resuelto: {}", spanish(fault).0),
            format!("Ya no ocurre lo que empezó el {since}. No hay que hacer nada."),
        ),
        _ => (
            format!("{city}: over: {}", english(fault).0),
            format!("What began at {since} is so no longer. There is nothing to do."),
        ),
    }
}

/// How the week was.
pub(super) fn week(known: &Week, city: &str, lang: &str) -> Said {
    match lang {
        "es" => (format!("{city}: la semana"), week_in_spanish(known)),
        _ => (format!("{city}: the week"), week_in_english(known)),
    }
}

fn week_in_english(known: &Week) -> String {
    let mut out = String::new();
    for camera in &known.cameras {
        let note = if camera.off { ", off now" } else { "" };
        let _ = writeln!(out, "{}: {} reads in seven days{note}", camera.name, camera.reads);
    }
    let _ = writeln!(out, "Log: {} entries", known.entries);
    if let Some(percent) = known.disk {
        let _ = writeln!(out, "Disk: {percent:.0} % full");
    }
    if let Some(days) = known.certificate_days {
        let _ = writeln!(out, "Certificate: {days} days left");
    }
    let (waiting, given_up) = known.messages;
    let _ = writeln!(out, "Messages of hits: {waiting} wait, {given_up} given up since yesterday");
    if known.wrong.is_empty() {
        out.push_str("Nothing is wrong.\n");
    }
    for (since, fault) in &known.wrong {
        let _ = writeln!(out, "Since {since}: {}", english(fault).0);
    }
    out
}

fn week_in_spanish(known: &Week) -> String {
    let mut out = String::new();
    for camera in &known.cameras {
        let note = if camera.off { ", ahora apagada" } else { "" };
        let _ = writeln!(out, "{}: {} lecturas en siete días{note}", camera.name, camera.reads);
    }
    let _ = writeln!(out, "Registro: {} entradas", known.entries);
    if let Some(percent) = known.disk {
        let _ = writeln!(out, "Disco: {percent:.0} % ocupado");
    }
    if let Some(days) = known.certificate_days {
        let _ = writeln!(out, "Certificado: quedan {days} días");
    }
    let (waiting, given_up) = known.messages;
    let _ = writeln!(
        out,
        "Mensajes de coincidencias: {waiting} esperan, {given_up} abandonados desde ayer"
    );
    if known.wrong.is_empty() {
        out.push_str("Todo está bien.\n");
    }
    for (since, fault) in &known.wrong {
        let _ = writeln!(out, "Desde {since}: {}", spanish(fault).0);
    }
    out
}

fn english(fault: &Fault) -> Said {
    let say = |heading: String, text: &str| (heading, text.to_owned());
    match fault {
        Fault::Quiet { name, hours } => (
            format!("camera {name} reads nothing"),
            format!(
                "It has read no vehicle for {hours} hours in which it usually does. Open Cameras in the console: \
                 it says whether it is heard of, and whether it sees. Then look at its power, its line, its lens."
            ),
        ),
        Fault::CameraClock { name } => say(
            format!("the clock of camera {name} is off"),
            "It is more than two seconds off: have the machine that reads it keep time by NTP.",
        ),
        Fault::Stale { list } => say(
            format!("the list {list} is stale"),
            "No new one came in time. Hits on it stop nobody until one does: ask whoever sends it, and look at Lists \
             in the console for a file that waits for a person.",
        ),
        Fault::Certificate { until, ended: false } => (
            "the certificate ends soon".into(),
            format!(
                "It ends at {until}, and another should be there by now. `homeplate check` says what keeps it away. \
                 When it has ended no camera and no browser will speak to the city."
            ),
        ),
        Fault::Certificate { until, ended: true } => (
            "the certificate has ended".into(),
            format!(
                "It ended at {until}. Cameras keep their reads, and browsers warn. Put a new one there, or see what \
                 `homeplate check` says; the server takes it up by itself."
            ),
        ),
        Fault::Backup { hours } => (
            "the backup is late".into(),
            format!(
                "None has been finished for more than {hours} hours. See what the program that makes it says."
            ),
        ),
        Fault::Disk { percent, bare } => (
            format!("the disk is {percent} % full"),
            format!(
                "{} Make room, or have less kept: `homeplate plan` says what this city needs. It goes back by itself \
                 when there is room.",
                if *bare {
                    "Reads are kept without pictures now, but for those of hits."
                } else {
                    "Of four reads one keeps its picture now, and every hit."
                }
            ),
        ),
        Fault::Part { part, message } => {
            (format!("{part} is not well"), format!("{message} `homeplate check` says more."))
        }
    }
}

fn spanish(fault: &Fault) -> Said {
    let say = |heading: String, text: &str| (heading, text.to_owned());
    match fault {
        Fault::Quiet { name, hours } => (
            format!("la cámara {name} no lee nada"),
            format!(
                "No ha leído ningún vehículo en {hours} horas en las que suele leer. Abra Cámaras en la consola: dice \
                 si se sabe de ella y si ve. Después mire la corriente, la línea y el objetivo."
            ),
        ),
        Fault::CameraClock { name } => say(
            format!("el reloj de la cámara {name} va mal"),
            "Se desvía más de dos segundos: la máquina que la lee debe ponerse en hora por NTP.",
        ),
        Fault::Stale { list } => say(
            format!("la lista {list} es vieja"),
            "No llegó otra a tiempo. Sus coincidencias no detienen a nadie hasta que llegue: pregunte a quien la \
             envía y mire en Listas si un archivo espera a una persona.",
        ),
        Fault::Certificate { until, ended: false } => (
            "el certificado termina pronto".into(),
            format!(
                "Termina el {until} y ya debería haber otro. `homeplate check` dice qué lo impide. Cuando termine, \
                 ninguna cámara ni navegador hablará con la ciudad."
            ),
        ),
        Fault::Certificate { until, ended: true } => (
            "el certificado ha terminado".into(),
            format!(
                "Terminó el {until}. Las cámaras guardan sus lecturas y los navegadores avisan. Ponga uno nuevo, o \
                 vea lo que dice `homeplate check`; el servidor lo toma por sí mismo."
            ),
        ),
        Fault::Backup { hours } => (
            "la copia de seguridad se retrasa".into(),
            format!(
                "No se ha terminado ninguna en más de {hours} horas. Vea lo que dice el programa que la hace."
            ),
        ),
        Fault::Disk { percent, bare } => (
            format!("el disco está al {percent} %"),
            format!(
                "{} Haga sitio o guarde menos: `homeplate plan` dice lo que esta ciudad necesita. Vuelve atrás por sí \
                 solo cuando hay sitio.",
                if *bare {
                    "Las lecturas se guardan ahora sin imagen, salvo las de coincidencias."
                } else {
                    "De cuatro lecturas, una conserva su imagen ahora, y cada coincidencia."
                }
            ),
        ),
        Fault::Part { part, message } => {
            (format!("{part} no va bien"), format!("{message} `homeplate check` dice más."))
        }
    }
}
