//! A plate has no `Display`: it cannot slip into a message.
fn print(plate: &plate::Text) -> String {
    format!("{plate}")
}

fn main() {}
