//! What a camera's exposure is and what it would be by day and by night; set when told.

use super::{Address, Imaging, Light, Login, Options, Plan, Session, plan};
use base::{Clock, Error, Result};
use std::sync::Arc;

/// What was found, and what was made of it.
#[derive(Debug)]
pub struct Exposed {
    /// What the camera says is set; after a change, what it made of that.
    pub now: Imaging,
    /// What it lets be set.
    pub options: Options,
    /// What would be set by day and by night, or why nothing can be.
    pub plans: [(&'static str, Result<Plan>); 2],
}

/// Asks a camera for its exposure, and sets that for a light where one is given.
pub fn expose(
    at: &Address,
    login: Option<Login>,
    clock: Arc<dyn Clock>,
    set: Option<Light>,
) -> Result<Exposed> {
    let session = Session::open(at, login, clock)?;
    let profiles = session.profiles()?;
    let source = profiles.iter().find(|p| !p.source.is_empty()).map(|p| p.source.as_str());
    let source = source.ok_or_else(|| Error::unavailable("The camera names no picture source."))?;
    let (mut now, options) = session.imaging(source)?;
    let plans = [(Light::Day, "day"), (Light::Night, "night")]
        .map(|(light, name)| (name, plan(light, &options)));
    if let Some(light) = set {
        session.set_imaging(source, &plan(light, &options)?)?;
        // What the camera made of it, not what we told it.
        now = session.imaging(source)?.0;
    }
    Ok(Exposed { now, options, plans })
}

impl Exposed {
    /// The plans as JSON: what would be set, or `wrong`.
    pub fn plans_json(&self) -> serde_json::Value {
        let one = |(name, plan): &(&str, Result<Plan>)| {
            let plan = match plan {
                Ok(plan) => serde_json::json!(plan),
                Err(e) => serde_json::json!({ "wrong": e.message() }),
            };
            ((*name).to_owned(), plan)
        };
        self.plans.iter().map(one).collect::<serde_json::Map<_, _>>().into()
    }
}

impl Imaging {
    /// In words.
    pub fn words(&self) -> String {
        let mut out = Vec::new();
        if !self.mode.is_empty() {
            out.push(format!("exposure {}", self.mode.to_ascii_lowercase()));
        }
        out.extend(self.longest_us.map(|us| format!("at longest {}", super::shutter(us))));
        out.extend(self.time_us.map(|us| format!("shutter {}", super::shutter(us))));
        out.extend(self.most_gain_db.map(|db| format!("gain up to {db:.0} dB")));
        out.extend(self.gain_db.map(|db| format!("gain {db:.0} dB")));
        if !self.ir_cut.is_empty() {
            out.push(format!("infrared filter {}", self.ir_cut.to_ascii_lowercase()));
        }
        if out.is_empty() { "it says nothing of its exposure".into() } else { out.join(", ") }
    }
}
