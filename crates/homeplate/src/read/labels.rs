//! Tables of what pictures really show: `image,x,y,w,h,text`, one row a plate.
//!
//! `--correct` writes them, `--score` reads them; other columns are left alone. An empty text means that
//! something else stands there, or a plate that nobody can read. A row whose `by` is `reader` was not
//! checked by anybody: it is no truth, but no false read either.

use base::{Error, Result};
use plate::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// The picture, as a path from the folder that is read.
    pub image: String,
    /// The plate's upright box in pixels.
    pub x: f32,
    pub y: f32,
    pub w: f32,
    pub h: f32,
    /// Its text; empty where there is none to be read.
    pub text: String,
    /// Where it is from, if somebody said so.
    #[serde(default)]
    pub region: String,
    /// `person`, or `reader` for what nobody checked.
    #[serde(default = "person")]
    pub by: String,
    /// The flat picture of the plate, beside the table.
    #[serde(default)]
    pub crop: String,
}

fn person() -> String {
    "person".to_owned()
}

impl Label {
    pub fn bounds(&self) -> [f32; 4] {
        [self.x, self.y, self.w, self.h]
    }

    /// The text as it is compared; `None` where there is none.
    pub fn plate(&self) -> Option<Text> {
        Text::parse(&self.text).ok()
    }

    pub fn is_truth(&self) -> bool {
        self.by != "reader"
    }
}

/// What a table calls a picture: its path from the folder that was named, or its bare name.
pub fn key(path: &Path, roots: &[PathBuf]) -> String {
    let inside = roots.iter().filter_map(|r| path.strip_prefix(r).ok());
    let inside = inside.map(|p| p.to_string_lossy().into_owned()).find(|p| !p.is_empty());
    inside.unwrap_or_else(|| {
        path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
    })
}

/// A table's rows by picture.
pub fn load(path: &Path) -> Result<BTreeMap<String, Vec<Label>>> {
    let table = || path.display().to_string();
    let mut reader = csv::Reader::from_path(path).map_err(|e| {
        Error::not_found(format!("The table {} cannot be opened.", table())).because(e)
    })?;
    let mut out: BTreeMap<String, Vec<Label>> = BTreeMap::new();
    for (i, row) in reader.deserialize::<Label>().enumerate() {
        let label = row.map_err(|e| {
            let line = i + 2;
            let say = format!("Line {line} of {} is no image,x,y,w,h,text.", table());
            Error::invalid(say).because(e)
        })?;
        if !label.bounds().iter().all(|v| v.is_finite()) {
            return Err(Error::invalid(format!("Line {} of {} has no box.", i + 2, table())));
        }
        if !label.text.is_empty() && label.plate().is_none() {
            let say = format!("Line {} of {} holds a text that is no plate.", i + 2, table());
            return Err(Error::invalid(say));
        }
        out.entry(label.image.clone()).or_default().push(label);
    }
    if out.is_empty() {
        return Err(Error::invalid(format!("The table {} holds no row.", table())));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: std::result::Result<usize, &str>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("labels.csv");
        std::fs::write(&path, text).unwrap();
        let got = load(&path).map(|t| t.values().map(Vec::len).sum::<usize>());
        match (got, want) {
            (Ok(n), Ok(m)) => assert_eq!(n, m),
            (Err(e), Err(part)) => assert!(e.to_string().contains(part), "{e}"),
            (got, _) => panic!("{text}: {got:?}"),
        }
    }

    #[test]
    fn tables() {
        let head = "image,x,y,w,h,text\n";
        check(&format!("{head}a.jpg,1,2,30,10,7ABC128\na.jpg,1,2,30,10,\n"), Ok(2));
        check("text,image,h,w,y,x,note\nAB 1,a.jpg,1,2,3,4,hm\n", Ok(1));
        check(head, Err("holds no row"));
        check("", Err("holds no row"));
        check("image,text\na,b\n", Err("Line 2"));
        check(&format!("{head}a.jpg,1,2,30,10,AB#1\n"), Err("no plate"));
        check(&format!("{head}a.jpg,NaN,2,30,10,AB1\n"), Err("no box"));
        check(&format!("{head}a.jpg,x,2,30,10,AB1\n"), Err("Line 2"));
    }
}
