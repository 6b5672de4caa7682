//! What the map of the cameras is drawn on: streets and layers that the city gave as files.

use crate::City;
use base::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// `[map]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MapSection {
    /// The streets: a file in the PMTiles format (version 3) with vector tiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streets: Option<PathBuf>,
    /// Whom the streets are from, as their licence wants it said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribution: Option<String>,
    /// Layers of the city's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layer: Vec<MapLayer>,
}

/// `[[map.layer]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapLayer {
    /// What it shows.
    pub name: String,
    /// A GeoJSON file (RFC 7946).
    pub file: PathBuf,
}

/// A layer larger than this makes a browser stand still.
const LAYER_MAX: u64 = 16 << 20;
/// So much of the streets is read at once.
const PART_MAX: u64 = 8 << 20;
/// The first bytes of a PMTiles file of version 3.
const MAGIC: &[u8] = b"PMTiles\x03";

/// A part of the file of streets.
pub struct StreetPart {
    /// Where it begins.
    pub from: u64,
    /// How long the whole file is.
    pub whole: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

fn cannot(path: &Path, e: std::io::Error) -> Error {
    Error::unavailable("A file of the map cannot be read; `homeplate check` says which.")
        .because(format!("{}: {e}", path.display()))
}

impl City {
    /// The names of the city's own layers, and whether there are streets.
    pub fn map(&self) -> &crate::MapSection {
        &self.config.map
    }

    /// A layer as GeoJSON text, by its place in the configuration.
    pub fn map_layer(&self, n: usize) -> Result<Vec<u8>> {
        let layer = self.config.map.layer.get(n);
        let layer = layer.ok_or_else(|| Error::not_found("There is no such layer."))?;
        read_layer(&self.dir.join(&layer.file))
    }

    /// At most `most` bytes of the streets from a place on.
    pub fn map_streets(&self, from: u64, most: u64) -> Result<StreetPart> {
        let streets = self.config.map.streets.as_ref();
        let streets = streets.ok_or_else(|| Error::not_found("The city has given no streets."))?;
        let path = self.dir.join(streets);
        let mut file = File::open(&path).map_err(|e| cannot(&path, e))?;
        let whole = file.metadata().map_err(|e| cannot(&path, e))?.len();
        if from >= whole {
            return Err(Error::invalid("The file of streets ends before that."));
        }
        file.seek(SeekFrom::Start(from)).map_err(|e| cannot(&path, e))?;
        let mut bytes = Vec::new();
        file.take(most.min(PART_MAX)).read_to_end(&mut bytes).map_err(|e| cannot(&path, e))?;
        Ok(StreetPart { from, whole, bytes })
    }
}

/// What tells GeoJSON from other JSON; the rest is read past, since as a tree it would be many times the file.
#[derive(serde::Deserialize)]
struct Shape {
    #[serde(rename = "type")]
    kind: String,
    coordinates: Option<Vec<serde::de::IgnoredAny>>,
}

fn read_layer(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|e| cannot(path, e))?;
    let mut bytes = Vec::new();
    file.take(LAYER_MAX + 1).read_to_end(&mut bytes).map_err(|e| cannot(path, e))?;
    if bytes.len() as u64 > LAYER_MAX {
        return Err(Error::too_large(
            "A layer of the map has at most 16 MiB; thin out its points.",
        ));
    }
    let wrong = || Error::invalid("A layer of the map is not GeoJSON (RFC 7946).");
    let shape: Shape = serde_json::from_slice(&bytes).map_err(|e| wrong().because(e))?;
    let known = ["FeatureCollection", "Feature", "GeometryCollection"];
    match known.contains(&shape.kind.as_str()) || shape.coordinates.is_some() {
        true => Ok(bytes),
        false => Err(wrong()),
    }
}

/// What is wrong with the files that `[map]` names, in sentences.
pub(crate) fn check(dir: &Path, map: &crate::MapSection) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Some(streets) = &map.streets {
        let path = dir.join(streets);
        let mut head = [0; MAGIC.len()];
        match File::open(&path).and_then(|mut f| f.read_exact(&mut head)) {
            Err(_) => wrong.push(format!("{} cannot be read", path.display())),
            Ok(()) if head != MAGIC => {
                wrong.push(format!("{} is no PMTiles file of version 3", path.display()));
            }
            Ok(()) => {}
        }
    }
    for layer in &map.layer {
        let path = dir.join(&layer.file);
        if let Err(e) = read_layer(&path) {
            wrong.push(format!("{}: {}", path.display(), e.message()));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MapLayer, MapSection};

    #[test]
    fn files_are_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let write =
            |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
        write("good.geojson", br#"{"type": "FeatureCollection", "features": []}"#);
        write("point.geojson", br#"{"type": "Point", "coordinates": [1, 2]}"#);
        write("bad.geojson", br#"{"type": "Topology"}"#);
        write("no.geojson", b"<kml>");
        write("good.pmtiles", b"PMTiles\x03 and more");
        write("old.pmtiles", b"PM\x02\x00 and more");
        let check = |streets: Option<&str>, layers: &[&str], want: &[&str]| {
            let layer = |file: &&str| MapLayer { name: "x".into(), file: file.into() };
            let map = MapSection {
                streets: streets.map(Into::into),
                attribution: None,
                layer: layers.iter().map(layer).collect(),
            };
            let got = check(dir.path(), &map);
            assert_eq!(got.len(), want.len(), "{got:?}");
            assert!(got.iter().zip(want).all(|(g, w)| g.contains(w)), "{got:?}");
        };
        check(Some("good.pmtiles"), &["good.geojson", "point.geojson"], &[]);
        check(Some("old.pmtiles"), &["bad.geojson"], &["version 3", "not GeoJSON"]);
        check(
            Some("none"),
            &["no.geojson", "none"],
            &["cannot be read", "not GeoJSON", "cannot be"],
        );
    }
}
