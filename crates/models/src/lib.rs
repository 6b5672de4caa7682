//! The four networks as bytes, and the contract that says how they are fed and where they cut.
//!
//! The files lie in `models/` with a card that says what they were trained on. They are part of the
//! executable: nothing is fetched at run time, and the executable's hash, which `software.start` on the
//! public log states, stands for them too.
//!
//! Not here: what runs a network (`vision`), and how they were trained (`train/`).

mod contract;

pub use contract::{Contract, ContractError, Detector, File, Layout, Platt, Recogniser, Skim};

/// One network in ONNX.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// Its file in `models/`.
    pub file: &'static str,
    /// The whole file.
    pub onnx: &'static [u8],
}

impl Network {
    /// SHA-256 of the bytes that are in this executable, in hex.
    pub fn sha256(&self) -> String {
        hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.onnx))
    }
}

/// Finds plates: `image` [1, 1, H, W], grey from 0 to 1 less .45, to `heat` and `corners` at stride 8.
pub static DETECTOR: Network =
    Network { file: "detector.onnx", onnx: include_bytes!("../../../models/detector.onnx") };

/// Glances at a place before it is read: `context` [N, 1, 48, 144], the place and its surroundings, to `likely` [N, 1],
/// the odds that it is a plate as far as that tells, `seen` [N, M], what the recogniser's verdict has to know of it, and
/// `shift` [N, 8], how far each corner lies from where the cut was made for: x and y in the plate's own square.
pub static GLANCE: Network =
    Network { file: "glance.onnx", onnx: include_bytes!("../../../models/glance.onnx") };

/// Reads what is easy, in a third of the time that [`RECOGNISER`] takes: `crops` [N, 1, 48, 144] to `chars` [N, T, 37] and, where the
/// contract says so, `layout` [N, regions + 1].
pub static SKIM: Network =
    Network { file: "skim.onnx", onnx: include_bytes!("../../../models/skim.onnx") };

/// Reads them: `crops` [N, 1, 48, 144] and `seen` [N, M] to `chars` [N, T, 37], `plate` [N, 1] and, where the contract
/// says so, `layout` [N, regions + 1].
pub static RECOGNISER: Network =
    Network { file: "recogniser.onnx", onnx: include_bytes!("../../../models/recogniser.onnx") };

/// All of them, for a list of hashes.
pub static ALL: [&Network; 4] = [&DETECTOR, &GLANCE, &SKIM, &RECOGNISER];

/// Sizes, margins and thresholds that belong to these weights.
pub fn contract() -> Result<Contract, ContractError> {
    Contract::parse(include_str!("../../../models/contract.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weights and contract are written together; a half-copied set must not be built in.
    #[test]
    fn the_contract_is_about_these_files() {
        let contract = contract().unwrap();
        for network in ALL {
            let listed = contract.files.iter().find(|f| f.file == network.file);
            assert_eq!(
                listed.map(|f| f.sha256.clone()),
                Some(network.sha256()),
                "{}",
                network.file
            );
        }
    }
}
