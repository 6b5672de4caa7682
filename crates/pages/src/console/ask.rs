//! A question, and what the rules would say to it.

use crate::page::{Choice, Page, Wrong};
use askama::Template;

/// What was typed, to be shown again; all of it as it stands in the fields.
#[derive(Clone, Debug, Default)]
pub struct AskForm {
    /// Case number.
    pub case: String,
    /// Reference of the paper that the authority rests on.
    pub paper: String,
    /// The name of those it is asked for; their kind is a choice.
    pub on_behalf_name: String,
    /// Why, in a sentence.
    pub reason: String,
    /// Plates, with commas or spaces between them; `?` and `*` for unknown characters.
    pub plates: String,
    /// Whether what those plates are misread as is asked for too.
    pub look_alikes: bool,
    /// Middle of an area, degrees.
    pub lat: String,
    /// Middle of an area, degrees.
    pub lon: String,
    /// Radius of an area, metres.
    pub radius: String,
    /// First moment, as a date and time field has it.
    pub from: String,
    /// First moment no longer asked about.
    pub until: String,
    /// Until when the public log says no more than that there was a question under a warrant.
    pub reveal_after: String,
    /// Whether a life is in danger.
    pub breakglass: bool,
}

/// A camera that may be asked about.
#[derive(Clone, Debug)]
pub struct CameraChoice {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is ticked.
    pub chosen: bool,
}

/// What the rules would say.
#[derive(Clone, Debug)]
pub struct Preview {
    /// `allowed`, `narrowed`, `refused`, or `incomplete` where the form does not make a question yet.
    pub decision: String,
    /// The rule that decides; empty where none does.
    pub rule: String,
    /// The rule's sentence, or what the form lacks.
    pub sentence: String,
    /// Who vouches for the case: `none`, `stated` or `attested`.
    pub case: String,
    /// Cameras of the question as it would be answered.
    pub cameras: u64,
    /// Its beginning, as shown; empty where there is none.
    pub from: String,
    /// Its end, as shown.
    pub until: String,
    /// `passkey` where the asker's passkey confirms it, `none` where they have none; empty where nobody confirms it.
    pub confirm: String,
}

/// The preview by itself, for a page that is open already (`POST /console/ask/preview`).
#[derive(Template)]
#[template(path = "preview.html")]
pub struct PreviewFragment {
    /// Language and city.
    pub page: Page,
    /// What the rules would say.
    pub preview: Option<Preview>,
}

/// A question (`POST /console/ask`).
#[derive(Template)]
#[template(path = "ask.html")]
pub struct AskPage {
    /// Around it.
    pub page: Page,
    /// What is wrong with what was sent.
    pub wrong: Vec<Wrong>,
    /// What was sent, or the beginning.
    pub form: AskForm,
    /// Purposes that the rules know.
    pub purposes: Vec<Choice>,
    /// Authorities that the rules know, `none` among them.
    pub authorities: Vec<Choice>,
    /// Kinds of agencies; none chosen is the own department.
    pub agencies: Vec<Choice>,
    /// References of papers on file, offered while typing.
    pub papers: Vec<String>,
    /// The cameras.
    pub cameras: Vec<CameraChoice>,
    /// The time zone of every moment on this page, for instance `UTC`.
    pub zone: String,
    /// What the rules would say to what was sent, if that was asked.
    pub preview: Option<Preview>,
    /// Whether this person may break the glass at all.
    pub may_break: bool,
    /// Whether nobody may now: the review of an earlier question is overdue.
    pub breakglass_blocked: bool,
    /// Whether this person's passkey may be asked for, as the question is.
    pub confirm: bool,
}
