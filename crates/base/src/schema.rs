//! How the shared texts look in a published schema: a string with a pattern, never an object.
//!
//! The patterns say what `FromStr` takes; a test holds the two against each other.

use crate::{
    CameraId, Day, DeviceId, DrillId, EntryId, HitId, HoldId, LeaseId, ListId, OrderId, PersonId,
    PublicKey, ReadId, SegmentId, Time, TokenId,
};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// The body of a chosen id.
const CHOSEN: &str = "[a-z0-9-]{1,40}";
/// The body of a timed id: a UUID of version 7.
const TIMED: &str = "[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}";

fn text(about: &str, pattern: &str, example: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(about))
        .pattern(Some(pattern))
        .examples([example])
        .into()
}

macro_rules! ids {
    ($($name:ident, $body:ident, $about:literal, $example:literal;)*) => { $(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                text($about, &format!("^{}_{}$", $name::PREFIX, $body), $example)
            }
        }
        impl ToSchema for $name {}
    )* };
}

ids! {
    CameraId, CHOSEN, "A camera.", "cam_main-st";
    ListId, CHOSEN, "A hot list.", "lst_stolen";
    EntryId, CHOSEN, "One line of a hot list.", "ent_26-0417";
    PersonId, CHOSEN, "A person with a key.", "per_smith";
    DeviceId, CHOSEN, "A registered device.", "dev_front-desk";
    TokenId, CHOSEN, "A machine token, without its secret.", "hpt_0f1e2d3c4b5a6978";
    ReadId, TIMED, "One read; its first 48 bits are the UTC milliseconds of its making.",
        "rd_019aa1b2c3d47e5f8a0b1c2d3e4f5061";
    SegmentId, TIMED, "A run of reads sealed under one key.", "seg_019aa1b2c3d47e5f8a0b1c2d3e4f5061";
    DrillId, TIMED, "A drill.", "drl_019aa1b2c3d47e5f8a0b1c2d3e4f5061";
    HitId, TIMED, "A hit.", "hit_019aa1b2c3d47e5f8a0b1c2d3e4f5061";
    LeaseId, TIMED, "A camera's lease.", "lea_019aa1b2c3d47e5f8a0b1c2d3e4f5061";
    HoldId, TIMED, "A preservation hold.", "hld_019aa1b2c3d47e5f8a0b1c2d3e4f5061";
    OrderId, TIMED, "An order to switch something.", "ord_019aa1b2c3d47e5f8a0b1c2d3e4f5061";
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("A moment in UTC (RFC 3339)."))
            .examples(["2026-11-23T08:15:00.000Z"])
            .into()
    }
}
impl ToSchema for Time {}

impl PartialSchema for Day {
    fn schema() -> RefOr<Schema> {
        text("A UTC day.", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "2026-11-23")
    }
}
impl ToSchema for Day {}

impl PartialSchema for PublicKey {
    fn schema() -> RefOr<Schema> {
        text(
            "An Ed25519 public key, base64.",
            "^[A-Za-z0-9+/]{43}=$",
            "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        )
    }
}
impl ToSchema for PublicKey {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    /// The example of a schema is one that the type takes and writes again as it was.
    fn check<T: PartialSchema + FromStr + ToString>() {
        let schema = serde_json::to_value(T::schema()).unwrap();
        let example = schema["examples"][0].as_str().unwrap();
        let parsed = example.parse::<T>().ok().unwrap_or_else(|| panic!("{schema}"));
        assert_eq!(parsed.to_string(), example);
        assert_eq!(schema["type"], "string");
    }

    #[test]
    fn examples_are_good_ones() {
        check::<CameraId>();
        check::<ListId>();
        check::<EntryId>();
        check::<PersonId>();
        check::<DeviceId>();
        check::<TokenId>();
        check::<ReadId>();
        check::<SegmentId>();
        check::<DrillId>();
        check::<HitId>();
        check::<LeaseId>();
        check::<OrderId>();
        check::<HoldId>();
        check::<Time>();
        check::<Day>();
        check::<PublicKey>();
    }
}
