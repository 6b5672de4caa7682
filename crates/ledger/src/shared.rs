//! How what copies share is spelled: as what it holds.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

pub(crate) fn serialize<T: Serialize, S: Serializer>(
    held: &Arc<T>,
    to: S,
) -> Result<S::Ok, S::Error> {
    held.as_ref().serialize(to)
}

pub(crate) fn deserialize<'a, T: Deserialize<'a>, D: Deserializer<'a>>(
    from: D,
) -> Result<Arc<T>, D::Error> {
    T::deserialize(from).map(Arc::new)
}
