//! A permit cannot be stored or sent.
fn store(permit: &custody::Permit) -> String {
    serde_json::to_string(permit).unwrap()
}

fn main() {}
