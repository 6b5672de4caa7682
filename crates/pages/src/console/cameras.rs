//! The cameras: whether they are on, what they say of themselves, where they stand.

use crate::draw::{self, Map, MapPlace, Moment};
use crate::page::Page;
use askama::Template;

/// A camera.
pub struct CameraView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `fine`, `troubled`, `idle`, `off`, `silent` or `unheard`; `on` or `off` for who does not look after cameras.
    pub state: String,
    /// Since when it is on or off, as shown.
    pub since: String,
    /// When it was heard of last, as shown; empty where it never was since the server began.
    pub heard: String,
    /// What else it says: the word for it, and its value as shown.
    pub facts: Vec<(String, String)>,
    /// Whether its hits wait because it misreads.
    pub suspended: bool,
    /// Where it stands.
    pub place: Option<MapPlace>,
}

/// The cameras.
#[derive(Template)]
#[template(path = "cameras.html")]
pub struct CamerasPage {
    /// Around it.
    pub page: Page,
    /// By name.
    pub cameras: Vec<CameraView>,
}

impl CamerasPage {
    /// The cameras on a map; filled where they are on.
    fn map(&self) -> Option<Map> {
        let places: Vec<MapPlace> = self.cameras.iter().filter_map(|c| c.place.clone()).collect();
        let on = self.cameras.iter().filter(|c| !matches!(c.state.as_str(), "off" | "idle"));
        let moments: Vec<Moment<'_>> = on.map(|c| Moment { camera: &c.name, at_ms: 0 }).collect();
        draw::map(&places, &moments)
    }
}
