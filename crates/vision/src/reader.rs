//! The reader: picture in, plates out.

use crate::again::{self, MOST, TIGHT, UNSURE, sharpened};
use crate::detect::{Candidate, input, peaks, shrinks};
use crate::engine::{Engine, Net, Tensor};
use crate::picture::Picture;
use crate::recognise::Columns;
use crate::warp::{
    Quad, between, bounds, grow, height, moved, normalise, rectify, sharpness, width,
};
use base::{Error, Result};
use models::{Contract, Layout};
use plate::{Odds, RegionOdds};

/// A plate this flat (width over height) has one line, whatever the network says of its lines.
const FLAT: f32 = 2.3;

/// One plate in a picture.
#[derive(Clone, Debug)]
pub struct Plate {
    /// Odds of every character.
    pub odds: Odds,
    /// P(the whole text is right), 0 to 1.
    pub confidence: f32,
    /// Corners in the picture's pixels.
    pub corners: Quad,
    /// Where it is from, where known.
    pub region: Option<Region>,
    /// 1 or 2.
    pub lines: u8,
    /// Mean step between neighbouring pixels of the flat cut, in deviations of its grey values: about 0.1
    /// where it is blurred, 0.4 where it is sharp.
    pub sharpness: f32,
}

/// A region and how probable it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// ISO 3166 in lower case: `us-ca`, `de`, `br`.
    pub code: String,
    /// 0 to 1.
    pub confidence: f32,
}

impl Plate {
    /// The upright box around the corners: left, top, width, height.
    pub fn bounding_box(&self) -> [f32; 4] {
        let [x0, y0, x1, y1] = bounds(&self.corners);
        [x0, y0, x1 - x0, y1 - y0]
    }
}

/// What a reader may be told.
#[derive(Clone, Debug, Default)]
pub struct ReaderOptions {
    /// Plates below this confidence are left out.
    pub min_confidence: f32,
    /// What runs the networks.
    pub engine: Engine,
    /// The regions that plates are from, as codes or the groups `us` and `eu`; empty for all.
    pub regions: Vec<String>,
}

/// Reads plates; one a thread.
pub struct Reader {
    detector: Box<dyn Net>,
    glance: Box<dyn Net>,
    skim: Box<dyn Net>,
    recogniser: Box<dyn Net>,
    engine: Engine,
    contract: Contract,
    options: ReaderOptions,
}

/// Texts of so few characters are seldom on a plate, and often on what is none: a window's bars, a badge. Of 5,000 held-out
/// pictures' reads none of 19 with two characters was right, and 3 of 42 with three (`train/NOTES.md`).
const SHORT: usize = 3;
/// What that leaves of the odds that such a text is right.
const RARE: f32 = 0.1;

/// How sure a text of so many characters is that its columns alone make `confidence` sure.
fn rare(confidence: f32, characters: usize) -> f32 {
    if characters > SHORT {
        return confidence;
    }
    RARE * confidence / (RARE * confidence + (1.0 - confidence))
}

/// Corners that a glance moves further than this, in widths of the plate or twice its height, are glanced at once more.
const FAR: f32 = 0.08;

/// What a glance at a place tells: its corners, the odds that reading it shows a plate, numbers for the verdict, and
/// whether the corners were far from where they had been thought to be.
struct Glanced {
    at: Candidate,
    odds: f32,
    seen: Vec<f32>,
    far: bool,
}

/// A place that may be a plate, ready to be read: where it is, its cut, the glance's odds that reading it shows a plate, and
/// what it saw of it and its surroundings.
struct Place {
    quad: Quad,
    cut: Vec<f32>,
    odds: f32,
    seen: Vec<f32>,
}

/// A plate that was not read surely: its place among the plates and among the places, and what the first look said.
struct Unsure {
    plate: usize,
    place: usize,
    columns: Columns,
    prior: RegionOdds,
}

/// What a recogniser says of a batch of cuts.
#[derive(Default)]
struct Answer {
    columns: Vec<Columns>,
    /// The verdict's odds of each; empty of the skim, which gives none.
    plate: Vec<f32>,
    /// Odds of every region and of two lines, a row a cut; empty where the network names none.
    regions: Vec<Vec<f32>>,
    lines: Vec<f32>,
}

impl Reader {
    /// Loads the networks that are part of the executable.
    pub fn new(options: ReaderOptions) -> Result<Self> {
        let contract = models::contract().map_err(|e| {
            Error::internal("The networks in this executable do not fit it; reinstall it.")
                .because(e)
        })?;
        RegionOdds::unknown()
            .narrow(&options.regions)
            .map_err(|e| Error::invalid(e.to_string()))?;
        let engine = options.engine.settle().0;
        Ok(Self {
            detector: engine.load(models::DETECTOR.onnx)?,
            glance: engine.load(models::GLANCE.onnx)?,
            skim: engine.load(models::SKIM.onnx)?,
            recogniser: engine.load(models::RECOGNISER.onnx)?,
            engine,
            contract,
            options,
        })
    }

    /// The engine that runs the networks: never [`Engine::Auto`].
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The plates of one picture, surest first.
    pub fn read(&mut self, picture: &Picture) -> Result<Vec<Plate>> {
        let part = self.contract.detector.clone();
        let split = |found: &[Candidate]| found.partition_point(|c| c.heat >= part.heat_threshold);
        let found = self.find(picture, part.area)?;
        let (clear, faint) = found.split_at(split(&found));
        let mut out = self.shown(picture, clear)?;
        if out.is_empty() {
            // Most faint places are nothing, and each costs a cut's time: only where there is nothing better.
            out = self.shown(picture, faint)?;
        }
        if out.is_empty()
            && let Some(area) = part.near_area
            && shrinks(picture, area)
        {
            let found = self.find(picture, area)?;
            out = self.shown(picture, &found[..split(&found)])?;
        }
        out.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        Ok(out)
    }

    /// The plates among some candidates that are sure enough to be told.
    fn shown(&mut self, picture: &Picture, found: &[Candidate]) -> Result<Vec<Plate>> {
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let mut out = self.recognise(picture, found)?;
        out.retain(|p| p.confidence >= self.options.min_confidence);
        Ok(out)
    }

    fn find(&mut self, picture: &Picture, area: f32) -> Result<Vec<Candidate>> {
        let image = input(picture, area);
        let out = self.detector.run(vec![("image", image)], &["heat", "corners"])?;
        let size = (picture.width(), picture.height());
        peaks(&out[0], &out[1], &self.contract.detector, size)
    }

    fn recognise(&mut self, picture: &Picture, found: &[Candidate]) -> Result<Vec<Plate>> {
        let part = self.contract.recogniser.clone();
        let places = self.likely(picture, found)?;
        let (mut plates, places) = self.skimmed(places)?;
        let asked: Vec<_> = places.iter().map(|p| (&p.cut[..], &p.seen[..])).collect();
        let answer = self.ask(&asked)?;
        let mut unsure = Vec::new();
        for (i, Place { quad, cut, seen, .. }) in places.iter().enumerate() {
            if answer.plate[i] < part.plate_threshold {
                continue;
            }
            let prior = self.prior(answer.regions.get(i))?;
            let columns = &answer.columns[i];
            let sharp = sharpness(cut, part.width);
            let mut best = self.plate(std::slice::from_ref(columns), quad, &prior, 1, sharp);
            let two = answer.lines.get(i).is_some_and(|p| *p > 0.5);
            if two && width(quad) < FLAT * height(quad) {
                let lined = self.two_lines(picture, quad, seen)?;
                let split = lined.and_then(|c| self.plate(&[c], quad, &prior, 2, sharp));
                let sure = |p: &Option<Plate>| p.as_ref().map_or(0.0, |p| p.confidence);
                if sure(&split) >= sure(&best) {
                    best = split;
                }
            }
            if best.as_ref().is_some_and(|p| p.lines == 1 && p.confidence < UNSURE) {
                let columns = columns.clone();
                unsure.push(Unsure { plate: plates.len(), place: i, columns, prior });
            }
            plates.extend(best);
        }
        self.look_again(picture, &mut plates, &places, unsure)?;
        Ok(plates)
    }

    /// The plates that the skim reads surely, and the places that are left for the recogniser. Only what a glance takes for a
    /// plate is shown to it, so that it needs no verdict of its own.
    fn skimmed(&mut self, places: Vec<Place>) -> Result<(Vec<Plate>, Vec<Place>)> {
        let part = self.contract.skim;
        let (shown, mut left): (Vec<Place>, Vec<Place>) =
            places.into_iter().partition(|place| place.odds >= part.glance_threshold);
        if shown.is_empty() {
            return Ok((Vec::new(), left));
        }
        let crops: Vec<&[f32]> = shown.iter().map(|place| &place.cut[..]).collect();
        let inputs = vec![("crops", self.tensor(shown.len(), crops.concat()))];
        let answer = answered(&mut *self.skim, inputs, &[], &self.contract)?;
        let mut plates = Vec::new();
        for (i, place) in shown.into_iter().enumerate() {
            let prior = self.prior(answer.regions.get(i))?;
            let sharp = sharpness(&place.cut, self.contract.recogniser.width);
            let columns = std::slice::from_ref(&answer.columns[i]);
            let two = answer.lines.get(i).is_some_and(|p| *p > 0.5);
            let sure = |plate: &Plate| {
                let region = plate.region.as_ref().map_or(0.0, |region| region.confidence);
                !two && plate.confidence >= part.sure && region >= part.region_sure
            };
            match self.plate(columns, &place.quad, &prior, 1, sharp).filter(sure) {
                Some(plate) => plates.push(plate),
                None => left.push(place),
            }
        }
        Ok((plates, left))
    }

    /// The candidates that a glance does not rule out, with the corners that it sees: most of what the detector takes for
    /// plates by mistake is told by a look at it and its surroundings, in a tenth of the time that reading it takes.
    fn likely(&mut self, picture: &Picture, found: &[Candidate]) -> Result<Vec<Place>> {
        let part = self.contract.recogniser.clone();
        let mut out = Vec::new();
        for mut one in self.glance_at(picture, found)? {
            if one.odds < part.glance_threshold {
                continue;
            }
            if one.far {
                // What lay at the edge of the cut lies well inside of the next.
                let closer = self.glance_at(picture, std::slice::from_ref(&one.at))?;
                one.at = closer.into_iter().next().map_or(one.at, |next| next.at);
            }
            let quad = one.at.quad;
            let cut = self.cut(picture, &grow(&quad, part.margin));
            out.extend(cut.map(|cut| Place { quad, cut, odds: one.odds, seen: one.seen }));
        }
        Ok(out)
    }

    /// What a glance at some places and their surroundings tells; those outside the picture are left out. The corners are
    /// found in the picture's own pixels: the detector knows them to half of its cells, of 8 pixels of a smaller picture.
    fn glance_at(&mut self, picture: &Picture, found: &[Candidate]) -> Result<Vec<Glanced>> {
        let margin = self.contract.recogniser.context_margin;
        let wide = |at: &Candidate| self.cut(picture, &grow(&at.quad, margin));
        let (places, cuts): (Vec<&Candidate>, Vec<Vec<f32>>) =
            found.iter().filter_map(|at| Some((at, wide(at)?))).unzip();
        if cuts.is_empty() {
            return Ok(Vec::new());
        }
        let n = cuts.len();
        let context = self.tensor(n, cuts.concat());
        let heat = Tensor { shape: vec![n, 1], data: places.iter().map(|at| at.heat).collect() };
        let inputs = vec![("context", context), ("heat", heat)];
        let out = self.glance.run(inputs, &["likely", "seen", "shift"])?;
        let (odds, seen, shift) = (&out[0].data, &out[1].data, &out[2].data);
        if odds.len() != n || seen.is_empty() || seen.len() % n != 0 || shift.len() != 8 * n {
            return Err(Error::internal("The glance answered for other places than asked."));
        }
        let wide = seen.len() / n;
        let place = |(k, at): (usize, &Candidate)| {
            let by = &shift[8 * k..][..8];
            Glanced {
                at: Candidate { quad: moved(&at.quad, by), heat: at.heat },
                odds: odds[k],
                seen: seen[wide * k..][..wide].to_vec(),
                far: by.chunks_exact(2).any(|by| by[0].abs().max(by[1].abs() / 2.0) > FAR),
            }
        };
        Ok(places.into_iter().enumerate().map(place).collect())
    }

    /// Looks once more at plates that were not read surely; of too many at the surest ones.
    fn look_again(
        &mut self,
        picture: &Picture,
        plates: &mut [Plate],
        places: &[Place],
        mut unsure: Vec<Unsure>,
    ) -> Result<()> {
        let part = self.contract.recogniser.clone();
        unsure.sort_by(|a, b| plates[b.plate].confidence.total_cmp(&plates[a.plate].confidence));
        let (mut cuts, mut looks) = (Vec::new(), Vec::new());
        for one in unsure.into_iter().take(MOST) {
            let quad = plates[one.plate].corners;
            let flat =
                |margin| rectify(&picture.plane(), &grow(&quad, margin), part.width, part.height);
            let (Some(mut tight), Some(same)) = (flat(TIGHT), flat(part.margin)) else { continue };
            let mut sharp = sharpened(&same, part.width);
            normalise(&mut tight);
            normalise(&mut sharp);
            let seen = &places[one.place].seen[..];
            cuts.extend([(tight, seen), (sharp, seen)]);
            looks.push(one);
        }
        let asked: Vec<_> = cuts.iter().map(|(cut, seen)| (&cut[..], *seen)).collect();
        let answer = self.ask(&asked)?;
        for (one, more) in looks.into_iter().zip(answer.columns.chunks_exact(2)) {
            let all = [one.columns, more[0].clone(), more[1].clone()];
            let old = &plates[one.plate];
            if let Some(new) = self.plate(&all, &old.corners, &one.prior, 1, old.sharpness) {
                plates[one.plate] = new;
            }
        }
        Ok(())
    }

    /// The columns of a two-line plate: its lines are cut apart and read one after the other.
    fn two_lines(
        &mut self,
        picture: &Picture,
        quad: &Quad,
        seen: &[f32],
    ) -> Result<Option<Columns>> {
        let Some(Layout { line_split: [low, high], .. }) = self.contract.layout.clone() else {
            return Ok(None);
        };
        let whole = grow(quad, self.contract.recogniser.margin);
        let line = |from, to| self.cut(picture, &between(&whole, from, to));
        let (Some(top), Some(bottom)) = (line(0.0, high), line(low, 1.0)) else { return Ok(None) };
        let answer = self.ask(&[(&top, seen), (&bottom, seen)])?;
        Ok(Some(answer.columns[0].then(&answer.columns[1])))
    }

    fn cut(&self, picture: &Picture, quad: &Quad) -> Option<Vec<f32>> {
        let part = &self.contract.recogniser;
        let mut crop = rectify(&picture.plane(), quad, part.width, part.height)?;
        normalise(&mut crop);
        Some(crop)
    }

    /// So many cuts, one after the other, as a network takes them.
    fn tensor(&self, cuts: usize, data: Vec<f32>) -> Tensor {
        let part = &self.contract.recogniser;
        Tensor { shape: vec![cuts, 1, part.height, part.width], data }
    }

    /// Runs the recogniser over cuts, each with what a glance at its place saw.
    fn ask(&mut self, cuts: &[(&[f32], &[f32])]) -> Result<Answer> {
        if cuts.is_empty() {
            return Ok(Answer::default());
        }
        let (crops, seen): (Vec<&[f32]>, Vec<&[f32]>) = cuts.iter().copied().unzip();
        let seen = Tensor { shape: vec![cuts.len(), seen[0].len()], data: seen.concat() };
        let inputs = vec![("crops", self.tensor(cuts.len(), crops.concat())), ("seen", seen)];
        answered(&mut *self.recogniser, inputs, &["plate"], &self.contract)
    }

    /// What is known of the region before the text is read: the network's opinion, narrowed to what
    /// the person who runs the reader allows.
    fn prior(&self, regions: Option<&Vec<f32>>) -> Result<RegionOdds> {
        let named =
            match (&self.contract.layout, regions) {
                (Some(layout), Some(odds)) => RegionOdds::new(
                    layout.regions.iter().map(String::as_str).zip(odds.iter().copied()),
                )
                .map_err(|e| Error::internal("The network names a strange region.").because(e))?,
                _ => RegionOdds::unknown(),
            };
        named.narrow(&self.options.regions).map_err(|e| Error::invalid(e.to_string()))
    }

    /// What one or several looks at a plate say of it together; `None` where none shows a text.
    fn plate(
        &self,
        looks: &[Columns],
        quad: &Quad,
        prior: &RegionOdds,
        lines: u8,
        sharpness: f32,
    ) -> Option<Plate> {
        let (ranked, probability) = again::best(looks, prior)?;
        let confidence =
            self.contract.confidence.map_or(probability, |platt| platt.scale(probability));
        Some(Plate {
            confidence: rare(confidence, ranked.odds.places().len()),
            odds: ranked.odds,
            corners: *quad,
            region: ranked
                .region
                .map(|(code, confidence)| Region { code: code.to_owned(), confidence }),
            lines,
            sharpness,
        })
    }
}

/// What a recogniser answers to its inputs, the first of which are the cuts; `verdict` names its output of that, if it has one.
fn answered(
    net: &mut dyn Net,
    inputs: Vec<(&str, Tensor)>,
    verdict: &[&str],
    contract: &Contract,
) -> Result<Answer> {
    let cuts = inputs[0].1.shape[0];
    let layout = contract.layout.as_ref();
    let named: &[&str] = if layout.is_some() { &["layout"] } else { &[] };
    let names = [&["chars"], named, verdict].concat();
    let mut out = net.run(inputs, &names)?.into_iter();
    let mut next =
        || out.next().ok_or_else(|| Error::internal("The recogniser left an answer out."));
    let chars = next()?;
    let &[n, columns, classes] = &chars.shape[..] else {
        return Err(Error::internal("The recogniser's answer has an unknown shape."));
    };
    let rows = chars.data.chunks_exact((columns * classes).max(1));
    let mut answer = Answer {
        columns: rows.map(|row| Columns::new(row.to_vec(), columns)).collect(),
        ..Answer::default()
    };
    if let Some(layout) = layout {
        let (odds, wide) = (next()?.data, layout.regions.len() + 1);
        if odds.len() != n * wide {
            return Err(Error::internal("The recogniser names other regions than agreed."));
        }
        for row in odds.chunks_exact(wide) {
            answer.regions.push(row[..wide - 1].to_vec());
            answer.lines.push(row[wide - 1]);
        }
    }
    if !verdict.is_empty() {
        answer.plate = next()?.data;
    }
    let verdicts = if verdict.is_empty() { 0 } else { n };
    if n != cuts || answer.columns.len() != n || answer.plate.len() != verdicts {
        return Err(Error::internal("The recogniser answered for other plates than asked."));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    /// How far the glance finds the corners from where the detector saw them: the plate is a tenth wider to the right.
    const SHIFT: [f32; 8] = [0.0, 0.0, 0.1, 0.0, 0.1, 0.0, 0.0, 0.0];

    /// All networks: a detector that sees two places, a glance that has its odds of each, a skim that is so sure of every
    /// character and of the region, and a recogniser that reads the same text everywhere and takes its verdicts from a list.
    #[derive(Clone)]
    struct Told {
        heats: [f32; 2],
        likely: f32,
        skim: f32,
        region: f32,
        verdicts: Arc<Mutex<VecDeque<f32>>>,
    }

    impl Net for Told {
        fn run(&mut self, inputs: Vec<(&str, Tensor)>, outputs: &[&str]) -> Result<Vec<Tensor>> {
            let shape = &inputs[0].1.shape;
            if outputs[0] == "heat" {
                let (rows, cols) = (shape[2] / 8, shape[3] / 8);
                let size = rows * cols;
                let (mut heat, mut corners) = (vec![0.0; size], vec![0.0; 8 * size]);
                for (k, value) in self.heats.into_iter().enumerate() {
                    let cell = rows / 2 * cols + cols * (k + 1) / 3;
                    heat[cell] = value;
                    let plate = [-4.0, -1.0, 4.0, -1.0, 4.0, 1.0, -4.0, 1.0];
                    plate.into_iter().enumerate().for_each(|(c, v)| corners[c * size + cell] = v);
                }
                let heat = Tensor { shape: vec![1, 1, rows, cols], data: heat };
                return Ok(vec![heat, Tensor { shape: vec![1, 8, rows, cols], data: corners }]);
            }
            if outputs[0] == "likely" {
                let (n, heat) = (shape[0], &inputs[1].1);
                assert_eq!(heat.shape, [n, 1]);
                assert!(heat.data.iter().all(|one| self.heats.contains(one)), "{heat:?}");
                assert!(heat.data.is_sorted_by(|a, b| a >= b), "surest first: {heat:?}");
                let likely = Tensor { shape: vec![n, 1], data: vec![self.likely; n] };
                let seen = Tensor { shape: vec![n, 4], data: vec![0.5; 4 * n] };
                return Ok(vec![likely, seen, Tensor { shape: vec![n, 8], data: SHIFT.repeat(n) }]);
            }
            let n = shape[0];
            let regions = models::contract().unwrap().layout.unwrap().regions.len() + 1;
            let layout = Tensor { shape: vec![n, regions], data: vec![0.001; n * regions] };
            let text = |sure: f32| {
                let odds = |i| if i % 37 == i / 37 + 1 { sure } else { (1.0 - sure) / 36.0 };
                let one: Vec<f32> = (0..8 * 37).map(odds).collect();
                Tensor { shape: vec![n, 8, 37], data: one.repeat(n) }
            };
            if inputs.len() == 1 {
                assert_eq!(outputs, ["chars", "layout"]);
                let mut layout = Tensor { data: vec![0.0; n * regions], ..layout };
                layout.data.chunks_exact_mut(regions).for_each(|row| row[0] = self.region);
                return Ok(vec![text(self.skim), layout]);
            }
            assert_eq!(outputs, ["chars", "layout", "plate"]);
            assert_eq!(inputs[1].1, Tensor { shape: vec![n, 4], data: vec![0.5; 4 * n] });
            let verdicts = self.verdicts.lock().unwrap().drain(..n).collect();
            Ok(vec![text(1.0), layout, Tensor { shape: vec![n, 1], data: verdicts }])
        }
    }

    /// How many plates are read where the detector sees two places, and how many places the recogniser was not shown.
    fn check(heats: [f32; 2], verdicts: &[f32], plates: usize, unseen: usize) {
        glanced(1.0, [0.5, 0.0], heats, verdicts, plates, unseen);
    }

    fn glanced(
        likely: f32,
        [skim, region]: [f32; 2],
        heats: [f32; 2],
        verdicts: &[f32],
        plates: usize,
        unseen: usize,
    ) {
        let verdicts = Arc::new(Mutex::new(verdicts.iter().copied().collect::<VecDeque<_>>()));
        let told = Told { heats, likely, skim, region, verdicts: verdicts.clone() };
        let net = || Box::new(told.clone());
        let mut reader = Reader {
            detector: net(),
            glance: net(),
            skim: net(),
            recogniser: net(),
            engine: Engine::Rten,
            contract: models::contract().unwrap(),
            options: ReaderOptions::default(),
        };
        let noise = (0..640 * 480u32).map(|i| (i * 251 % 239) as u8).collect();
        let read = reader.read(&Picture::from_grey(640, 480, noise).unwrap()).unwrap();
        assert_eq!((read.len(), verdicts.lock().unwrap().len()), (plates, unseen), "{heats:?}");
        // The detector saw plates four times as wide as high; two glances make that 1.21 times as much.
        assert!(read.iter().all(|p| width(&p.corners) > 4.6 * height(&p.corners)));
    }

    #[test]
    fn faint_places_are_looked_at_where_no_other_is_a_plate() {
        let part = models::contract().unwrap().detector;
        let (clear, faint) = (part.heat_threshold + 0.01, part.faint_threshold + 0.01);
        check([0.9, faint], &[1.0, 1.0], 1, 1);
        check([0.9, faint], &[0.0, 1.0], 1, 0);
        check([0.9, clear], &[1.0, 1.0], 2, 0);
        check([faint, 0.01], &[1.0, 1.0], 1, 1);
        check([0.01, 0.01], &[1.0, 1.0], 0, 2);
    }

    #[test]
    fn what_a_glance_rules_out_is_not_read() {
        let least = models::contract().unwrap().recogniser.glance_threshold;
        assert!(least > 0.0);
        glanced(least, [0.5, 0.0], [0.9, 0.9], &[1.0, 1.0], 2, 0);
        glanced(0.9 * least, [0.5, 0.0], [0.9, 0.9], &[1.0, 1.0], 0, 2);
    }

    #[test]
    fn what_the_skim_reads_surely_the_recogniser_is_not_shown() {
        let likely = models::contract().unwrap().skim.glance_threshold;
        glanced(likely, [1.0, 1.0], [0.9, 0.9], &[0.0, 0.0], 2, 2);
        // Less likely to be a plate: the verdict tells. Unsure of the text; unsure of the region.
        glanced(0.9 * likely, [1.0, 1.0], [0.9, 0.9], &[1.0, 0.0], 1, 0);
        glanced(likely, [0.5, 1.0], [0.9, 0.9], &[1.0, 0.0], 1, 0);
        glanced(likely, [1.0, 0.5], [0.9, 0.9], &[1.0, 0.0], 1, 0);
        let faint = models::contract().unwrap().detector.faint_threshold + 0.01;
        glanced(likely, [1.0, 1.0], [0.9, faint], &[0.0], 1, 1); // the faint place is not looked at
    }

    #[test]
    fn a_picture_without_a_plate_is_looked_at_once_more_from_farther_away() {
        let faint = models::contract().unwrap().detector.faint_threshold + 0.01;
        check([0.9, faint], &[0.0, 0.0, 1.0], 1, 0);
        check([0.9, faint], &[0.0, 0.0, 0.0], 0, 0);
        check([faint, 0.01], &[0.0, 1.0], 0, 1); // no faint places then
    }

    #[test]
    fn short_texts_have_to_be_seen_surely() {
        assert_eq!((rare(0.3, 4), rare(0.0, 2), rare(1.0, 2)), (0.3, 0.0, 1.0));
        assert!(rare(0.3, 2) < 0.05 && rare(0.99, 3) > 0.9);
    }

    /// Weights and formats are made apart; a region that one of them does not know would stop reading.
    #[test]
    fn every_region_that_the_network_names_has_formats() {
        let layout = models::contract().unwrap().layout.unwrap();
        let each = 1.0 / layout.regions.len() as f32;
        RegionOdds::new(layout.regions.iter().map(|r| (r.as_str(), each))).unwrap();
        assert!(layout.regions.iter().any(|r| r == "us-ca") && layout.regions.len() > 80);
    }
}
