//! Dialects by name, as the command line has them. Documents say them in the same words.

use proofhouse_model::{Dialect, Release};
use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};

/// Every dialect.
pub const DIALECTS: [Dialect; 4] =
    [Dialect::Proofhouse, Dialect::Oci, Dialect::Distribution(Release::V2_8), Dialect::Distribution(Release::V3)];

/// The dialect as the command line has it.
pub fn dialect_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Proofhouse => "proofhouse",
        Dialect::Oci => "oci",
        Dialect::Distribution(Release::V2_8) => "distribution-2.8",
        Dialect::Distribution(Release::V3) => "distribution-3",
    }
}

/// The dialect of that name. None: there is none.
pub(super) fn named(name: &str) -> Option<Dialect> {
    DIALECTS.into_iter().find(|dialect| dialect_name(*dialect) == name)
}

pub(super) fn serialize<S: Serializer>(dialect: &Dialect, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(dialect_name(*dialect))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Dialect, D::Error> {
    let name = String::deserialize(deserializer)?;
    named(&name).ok_or_else(|| D::Error::custom(format!("there is no dialect {name:?}")))
}
