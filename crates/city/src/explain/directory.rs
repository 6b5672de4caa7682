//! What the keys of `[directory]` and `[[directory_group]]` mean.

use super::{Explained, e};

pub(super) const DIRECTORY: &[Explained] = &[
    e(
        "directory.issuer",
        "The city's directory, by which people may sign in (OpenID Connect): its address, as it calls itself.",
        "none",
        "https:// and so on",
    ),
    e("directory.client_id", "The city's name there.", "none", "any text"),
    e(
        "directory.secret",
        "Where the city's secret there is.",
        "none",
        "credential:NAME (of the service), or a path to a file of the owner's alone",
    ),
    e(
        "directory.scopes",
        "What is asked for beside openid, so that name and groups are told.",
        "none: profile where it is left out",
        "a list of scopes that the directory knows",
    ),
    e(
        "directory.groups_claim",
        "Which claim holds a person's groups.",
        "none: groups where it is left out",
        "a claim's name",
    ),
    e(
        "directory.hours",
        "So long the directory's word holds that somebody is there; after that they sign in by it again, whatever \
         other key they have.",
        "none: 24 where it is left out",
        "1 to 24",
    ),
    e(
        "directory.allow_local",
        "Whether directory.issuer may lead to this machine or into the city's own networks.",
        "none: false where it is left out",
        "true, false",
    ),
    e(
        "directory_group.name",
        "A group of the directory that is let in; [[directory_group]] may stand more than once. Who is in none is not \
         let in, and who no longer is has left.",
        "none",
        "the group as directory.groups_claim spells it",
    ),
    e(
        "directory_group.office",
        "The office that stands on the log for them. Who is in several groups has the first one's.",
        "none",
        "any text",
    ),
    e(
        "directory_group.roles",
        "What they may do. Who is in several groups has the roles of all.",
        "none",
        "roles of the city's rules",
    ),
];
