//! The two networks as bytes, and the contract that says how they are fed and where they cut.
//!
//! The files lie in `models/` with a card that says what they were trained on. They are part of the
//! executable: nothing is fetched at run time, and `software.start` on the public log holds the
//! executable's hash and with it theirs.

/// Finds plates: `image` [1, 1, H, W] to `heat` and `corners` at stride 8 (ONNX).
pub static DETECTOR: &[u8] = include_bytes!("../../../models/detector.onnx");

/// Reads them: `crops` and `context` [N, 1, 48, 144] to `chars` [N, T, 37] and `plate` [N, 1] (ONNX).
pub static RECOGNISER: &[u8] = include_bytes!("../../../models/recogniser.onnx");

/// Sizes, margins and thresholds that belong to these weights (JSON).
pub static CONTRACT: &str = include_str!("../../../models/contract.json");
