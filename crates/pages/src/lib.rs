//! View structs in, HTML out. Texts and shapes only: no clock, no database, no permission.
//!
//! Every page works without scripts; scripts add what moves (`web/`). Nothing is loaded from
//! another host. A plate in the clear stands on two pages alone: an open hit, for its person, and
//! the answer to a question, for its asker.
//!
//! `messages/` says what pages say, `templates/` how they are put together, `design/0009-console.md`
//! how they look.

mod assets;
mod console;
mod diff;
mod draw;
mod messages;
mod off;
mod page;
mod public;

pub use assets::{Asset, asset, checker, worker};
pub use console::*;
pub use diff::{DiffLine, diff};
pub use draw::MapPlace;
pub use messages::Lang;
pub use off::{OffPage, OffRow};
pub use page::{Choice, Open, Page, Person, Place, Theme, Wrong};
pub use public::{CameraRow, ErrorPage, GapRow, OrderRow, PublicPage, SoftwareRow, StreetPage};

/// Renders a page; the templates are checked when this is compiled, so only memory can fail.
pub fn render<T: askama::Template>(page: &T) -> String {
    page.render().unwrap_or_else(|_| "<!doctype html><title>Homeplate</title>".into())
}
