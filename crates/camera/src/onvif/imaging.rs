//! The picture's shutter, gain and infrared filter (ONVIF Imaging, `ver20`): what is set, what the camera
//! allows, and what plates want.

use super::media::Session;
use super::xml::{Element, escape, plain};
use base::{Error, Result};
use serde::Serialize;

const IMAGING: &str = "http://www.onvif.org/ver20/imaging/wsdl";

/// A range that a camera allows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Range {
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

/// What is set. Times in microseconds, gains in decibels, as ONVIF states them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Imaging {
    /// `AUTO` or `MANUAL`.
    pub mode: String,
    /// The longest time that automatic exposure may take.
    pub longest_us: Option<f64>,
    /// The fixed time.
    pub time_us: Option<f64>,
    /// The most gain that automatic exposure may take.
    pub most_gain_db: Option<f64>,
    /// The fixed gain.
    pub gain_db: Option<f64>,
    /// The filter that keeps infrared out: `ON`, `OFF` or `AUTO`.
    pub ir_cut: String,
}

/// What a camera allows.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Options {
    /// Modes of exposure.
    pub modes: Vec<String>,
    /// Of [`Imaging::longest_us`].
    pub longest_us: Option<Range>,
    /// Of [`Imaging::time_us`].
    pub time_us: Option<Range>,
    /// Of [`Imaging::most_gain_db`].
    pub most_gain_db: Option<Range>,
    /// States of the filter.
    pub ir_cut: Vec<String>,
}

/// What plates want by day or by night.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Light {
    /// A shutter of 1/1000 s and the filter in: a car at 50 km/h moves 14 mm meanwhile.
    Day,
    /// A shutter of 1/500 s, at most 24 dB, and the filter out, so that infrared lamps light the plates.
    Night,
}

impl Light {
    fn shutter_us(self) -> f64 {
        match self {
            Light::Day => 1000.0,
            Light::Night => 2000.0,
        }
    }

    /// More gain is noise that eats the strokes of a plate.
    fn gain_db(self) -> Option<f64> {
        match self {
            Light::Day => None,
            Light::Night => Some(24.0),
        }
    }

    fn ir_cut(self) -> &'static str {
        match self {
            Light::Day => "ON",
            Light::Night => "OFF",
        }
    }
}

/// What would be set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The settings to send; what is `None` or empty stays as it is.
    pub set: Imaging,
    /// Where the camera allows less than plates want, in sentences.
    pub short: Vec<String>,
}

/// The nearest to what plates want within what the camera allows. Fails where it lets nobody set the shutter.
pub fn plan(light: Light, options: &Options) -> Result<Plan> {
    let mut set = Imaging::default();
    let mut short = Vec::new();
    let has = |mode: &str| options.modes.iter().any(|m| m == mode);
    let wanted = light.shutter_us();
    let (range, auto) = match (options.longest_us, options.time_us) {
        (Some(range), _) if has("AUTO") => (range, true),
        (_, Some(range)) if has("MANUAL") => (range, false),
        _ => {
            return Err(Error::unavailable(
                "The camera lets nobody set its shutter by ONVIF; set it on the camera's own page.",
            ));
        }
    };
    let time = wanted.clamp(range.min, range.max);
    if time > wanted {
        short.push(format!(
            "Its shortest such time is {}; plates of fast cars blur.",
            shutter(time)
        ));
    }
    set.mode = if auto { "AUTO" } else { "MANUAL" }.into();
    if auto {
        set.longest_us = Some(time);
    } else {
        set.time_us = Some(time);
    }
    if let Some(most) = light.gain_db() {
        match options.most_gain_db.filter(|_| auto) {
            Some(range) => set.most_gain_db = Some(most.clamp(range.min, range.max)),
            None => short.push("Its gain cannot be limited; look at noise in the dark.".into()),
        }
    }
    match options.ir_cut.iter().any(|m| m == light.ir_cut()) {
        true => set.ir_cut = light.ir_cut().into(),
        false => {
            short.push("Its infrared filter cannot be set; look at it on the camera's page.".into())
        }
    }
    Ok(Plan { set, short })
}

/// A time as photographers write it.
pub fn shutter(us: f64) -> String {
    if us >= 1_000_000.0 {
        format!("{:.1} s", us / 1e6)
    } else {
        format!("1/{:.0} s", 1e6 / us.max(1.0))
    }
}

impl Session {
    /// What is set at a picture source, and what the camera allows.
    pub fn imaging(&self, source: &str) -> Result<(Imaging, Options)> {
        let at = self.imaging.as_ref().ok_or_else(no_imaging)?;
        let ask = |what: &str| {
            let token = escape(source);
            let question =
                format!("<x:{what}><x:VideoSourceToken>{token}</x:VideoSourceToken></x:{what}>");
            self.talk.ask(at, IMAGING, &question)
        };
        Ok((read_settings(&ask("GetImagingSettings")?), read_options(&ask("GetOptions")?)))
    }

    /// Sets what a plan says, for good.
    pub fn set_imaging(&self, source: &str, plan: &Plan) -> Result<()> {
        let at = self.imaging.as_ref().ok_or_else(no_imaging)?;
        let number = |name: &str, value: Option<f64>| {
            value.map(|v| format!("<t:{name}>{v}</t:{name}>")).unwrap_or_default()
        };
        let set = &plan.set;
        let filter = match set.ir_cut.as_str() {
            "" => String::new(),
            state => format!("<t:IrCutFilter>{state}</t:IrCutFilter>"),
        };
        // In the order that the schema fixes.
        let question = format!(
            "<x:SetImagingSettings><x:VideoSourceToken>{}</x:VideoSourceToken><x:ImagingSettings>\
             <t:Exposure><t:Mode>{}</t:Mode>{}{}{}</t:Exposure>{filter}</x:ImagingSettings>\
             <x:ForcePersistence>true</x:ForcePersistence></x:SetImagingSettings>",
            escape(source),
            set.mode,
            number("MaxExposureTime", set.longest_us),
            number("MaxGain", set.most_gain_db),
            number("ExposureTime", set.time_us),
        );
        self.talk.ask(at, IMAGING, &question).map(drop)
    }
}

fn no_imaging() -> Error {
    Error::unavailable("The device names no imaging service at its own address.")
}

/// The settings of an answer to `GetImagingSettings`.
pub fn read_settings(all: &Element) -> Imaging {
    let nothing = Element::default();
    let all = all.find("ImagingSettings").unwrap_or(&nothing);
    let number = |name| all.number_at(&["Exposure", name]);
    Imaging {
        mode: plain(all.text_at(&["Exposure", "Mode"])),
        longest_us: number("MaxExposureTime"),
        time_us: number("ExposureTime"),
        most_gain_db: number("MaxGain"),
        gain_db: number("Gain"),
        ir_cut: plain(all.text_at(&["IrCutFilter"])),
    }
}

/// The options of an answer to `GetOptions`.
pub fn read_options(all: &Element) -> Options {
    let nothing = Element::default();
    let all = all.find("ImagingOptions").unwrap_or(&nothing);
    let words = |e: &Element, name: &str| {
        e.children.iter().filter(|c| c.name == name).take(8).map(|c| plain(&c.text)).collect()
    };
    let range = |name| {
        let number = |end| all.number_at(&["Exposure", name, end]);
        let (min, max) = (number("Min")?, number("Max")?);
        (min <= max).then_some(Range { min, max })
    };
    Options {
        modes: all.at(&["Exposure"]).map(|e| words(e, "Mode")).unwrap_or_default(),
        longest_us: range("MaxExposureTime"),
        time_us: range("ExposureTime"),
        most_gain_db: range("MaxGain"),
        ir_cut: words(all, "IrCutFilterModes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options {
            modes: vec!["AUTO".into(), "MANUAL".into()],
            longest_us: Some(Range { min: 30.0, max: 40_000.0 }),
            time_us: Some(Range { min: 30.0, max: 40_000.0 }),
            most_gain_db: Some(Range { min: 0.0, max: 18.0 }),
            ir_cut: vec!["ON".into(), "OFF".into(), "AUTO".into()],
        }
    }

    #[test]
    fn a_plan_keeps_to_what_the_camera_allows() {
        let check = |light,
                     options: &Options,
                     mode: &str,
                     times: [Option<f64>; 2],
                     gain,
                     ir: &str,
                     short| {
            let got = plan(light, options).unwrap();
            let set = &got.set;
            let got = (
                set.mode.as_str(),
                [set.longest_us, set.time_us],
                set.most_gain_db,
                set.ir_cut.as_str(),
                got.short.len(),
            );
            assert_eq!(got, (mode, times, gain, ir, short));
        };
        let all = options();
        check(Light::Day, &all, "AUTO", [Some(1000.0), None], None, "ON", 0);
        check(Light::Night, &all, "AUTO", [Some(2000.0), None], Some(18.0), "OFF", 0);
        let fixed = Options { longest_us: None, ..options() };
        check(Light::Night, &fixed, "MANUAL", [None, Some(2000.0)], None, "OFF", 1);
        let slow = Options {
            longest_us: Some(Range { min: 5000.0, max: 9000.0 }),
            ir_cut: vec![],
            ..options()
        };
        check(Light::Day, &slow, "AUTO", [Some(5000.0), None], None, "", 2);
        let none = Options { longest_us: None, time_us: None, ..options() };
        assert!(plan(Light::Day, &none).is_err());
        assert!(plan(Light::Day, &Options::default()).is_err());
        assert_eq!((shutter(1000.0).as_str(), shutter(2e6).as_str()), ("1/1000 s", "2.0 s"));
    }

    #[test]
    fn settings_and_options_are_read() {
        let all = Element::read(
            b"<a><ImagingSettings><Exposure><Mode>AUTO</Mode><MaxExposureTime>33333</MaxExposureTime></Exposure>\
              <IrCutFilter>AUTO</IrCutFilter></ImagingSettings></a>",
        );
        let got = read_settings(&all.unwrap());
        assert_eq!(
            (got.mode.as_str(), got.longest_us, got.gain_db),
            ("AUTO", Some(33_333.0), None)
        );
        let all = Element::read(
            b"<a><ImagingOptions><IrCutFilterModes>ON</IrCutFilterModes><IrCutFilterModes>OFF</IrCutFilterModes>\
              <Exposure><Mode>AUTO</Mode><MaxExposureTime><Min>10</Min><Max>5</Max></MaxExposureTime>\
              <ExposureTime><Min>1</Min><Max>5</Max></ExposureTime></Exposure></ImagingOptions></a>",
        );
        let got = read_options(&all.unwrap());
        assert_eq!(
            (got.ir_cut.len(), got.modes.len(), got.longest_us),
            (2, 1, None),
            "a range the wrong way round is none"
        );
        assert_eq!(got.time_us, Some(Range { min: 1.0, max: 5.0 }));
    }
}
