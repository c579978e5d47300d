//! The parts of a manifest that may come from a file or from another platform.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::super::PlatformName;
use super::super::error::PlatformError;

/// A file, or the same part of another platform.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Path(PathBuf),
    Platform(PlatformName),
}

impl Part {
    /// `host`, `apt`, `debian:...` and `dir:...` are platforms; anything else is a path. A file called `host` is `./host`.
    pub fn of(given: &Path) -> Result<Part, PlatformError> {
        let text = given.to_str().unwrap_or_default();
        let is_platform = matches!(text, "host" | "apt") || text.starts_with("debian:") || text.starts_with("dir:");
        if is_platform { Ok(Part::Platform(text.parse()?)) } else { Ok(Part::Path(given.to_owned())) }
    }
}

/// The two images of a build.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OvmfTable {
    pub code: Spanned<PathBuf>,
    pub vars: Spanned<PathBuf>,
    #[serde(default)]
    pub secure_boot: bool,
}

/// The key `ovmf`.
#[derive(Debug)]
pub(super) enum OvmfPart {
    Files(OvmfTable),
    Platform(PlatformName),
}

impl<'de> Deserialize<'de> for OvmfPart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = OvmfPart;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a table with code and vars, or the name of a platform")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<OvmfPart, E> {
                match Part::of(Path::new(text)) {
                    Ok(Part::Platform(name)) => Ok(OvmfPart::Platform(name)),
                    Ok(Part::Path(_)) => Err(E::custom(format!(
                        "ovmf {text:?} is no platform: wanted host, apt, debian:SUITE, dir:TREE, or {{ code = .., vars = .. }}"
                    ))),
                    Err(error) => Err(E::custom(error.to_string())),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OvmfPart, A::Error> {
                OvmfTable::deserialize(MapAccessDeserializer::new(map)).map(OvmfPart::Files)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// The key `option_roms`.
#[derive(Debug)]
pub(super) enum RomsPart {
    Directory(PathBuf),
    Files(BTreeMap<Spanned<String>, Spanned<PathBuf>>),
    Platform(PlatformName),
}

impl<'de> Deserialize<'de> for RomsPart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = RomsPart;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a directory, a table of ROMs by name, or the name of a platform")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<RomsPart, E> {
                match Part::of(Path::new(text)) {
                    Ok(Part::Platform(name)) => Ok(RomsPart::Platform(name)),
                    Ok(Part::Path(path)) => Ok(RomsPart::Directory(path)),
                    Err(error) => Err(E::custom(error.to_string())),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RomsPart, A::Error> {
                BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(RomsPart::Files)
            }
        }
        deserializer.deserialize_any(Either)
    }
}
