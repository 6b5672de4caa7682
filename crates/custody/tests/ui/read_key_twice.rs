//! The key of a read opens it once.
fn open(key: custody::ReadKey, found: &custody::Found) {
    let _ = key.open(found);
    let _ = key.open(found);
}

fn main() {}
