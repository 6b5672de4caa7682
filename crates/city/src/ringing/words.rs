//! What messages say. Each has a number, a sentence and a link, and no place for anything else.

use super::Why;

/// Heading and text.
pub(super) type Said = (String, String);

/// What people are told of a hit.
pub(super) fn of_hit(why: Why, number: u64, minutes: u32, city: &str, lang: &str) -> Said {
    let n = number;
    match (lang, why) {
        ("es", Why::Raised) => (
            format!("Coincidencia {n}"),
            format!("{city}: la coincidencia {n} espera a que alguien la compare. Ábrala."),
        ),
        ("es", Why::Unattended) => (
            format!("Coincidencia {n}: no hay nadie en el puesto"),
            format!(
                "{city}: la coincidencia {n} espera y nadie que pueda decidirla ha entrado en la consola. Ábrala, \
                 o avise a alguien que pueda."
            ),
        ),
        ("es", Why::Unanswered) => (
            format!("Coincidencia {n}: sin decisión"),
            format!("{city}: nadie ha decidido la coincidencia {n} en {minutes} minutos. Ábrala."),
        ),
        (_, Why::Raised) => {
            (format!("Hit {n}"), format!("{city}: hit {n} waits for somebody to compare. Open it."))
        }
        (_, Why::Unattended) => (
            format!("Hit {n}: nobody is at the desk"),
            format!(
                "{city}: hit {n} waits, and nobody who may decide it is signed in. Open it, or tell somebody who \
                 may."
            ),
        ),
        (_, Why::Unanswered) => (
            format!("Hit {n}: nobody has decided"),
            format!("{city}: nobody has decided hit {n} within {minutes} minutes. Open it."),
        ),
    }
}

/// What somebody who wants to try a way is told.
pub(super) fn of_test(city: &str, lang: &str) -> Said {
    match lang {
        "es" => (
            "Prueba".into(),
            format!("{city}: por aquí le llegan los avisos de coincidencias. Esto es una prueba."),
        ),
        _ => ("Test".into(), format!("{city}: this is how you hear of hits. This is a test.")),
    }
}

/// What an address is told that somebody says is theirs.
pub(super) fn of_address(city: &str, lang: &str) -> Said {
    match lang {
        "es" => (
            "Confirme esta dirección".into(),
            format!(
                "{city}: alguien quiere recibir aquí los avisos de coincidencias. Si es usted, abra el enlace en 24 \
                 horas con su sesión abierta; si no, no haga nada."
            ),
        ),
        _ => (
            "Confirm this address".into(),
            format!(
                "{city}: somebody wants to hear of hits here. If it is you, open the link within 24 hours while you \
                 are signed in; if not, do nothing."
            ),
        ),
    }
}
