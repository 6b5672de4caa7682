//! View structs in, HTML out. Texts and shapes only: no clock, no database, no permission.
//!
//! Every page works without scripts; scripts add what moves (`assets/*.js`). Nothing is loaded from
//! another host. A plate in the clear stands on one page alone: an open hit, for its person.

mod console;
mod public;

pub use console::{EnterPage, HitPage, HitRow, HitsPage, ListedView, SignInPage};
pub use public::{CameraRow, ErrorPage, GapRow, PublicPage, StreetPage};

/// Renders a page; the templates are checked when this is compiled, so only memory can fail.
pub fn render<T: askama::Template>(page: &T) -> String {
    page.render().unwrap_or_else(|_| "<!doctype html><title>Homeplate</title>".into())
}

/// A file that pages link to: name, content type, bytes. Served under `/assets/`.
pub const ASSETS: [(&str, &str, &[u8]); 3] = [
    ("style.css", "text/css; charset=utf-8", include_bytes!("../assets/style.css")),
    ("street.js", "text/javascript; charset=utf-8", include_bytes!("../assets/street.js")),
    ("hit.js", "text/javascript; charset=utf-8", include_bytes!("../assets/hit.js")),
];
