//! The letters of a plate are reached through `reveal` and a reason alone.
fn take(plate: &plate::Text) -> &str {
    &plate.0
}

fn main() {}
