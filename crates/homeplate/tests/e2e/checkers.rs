//! The two checkers of off certificates, the command's and the page's, say the same of what a log's own key signed but
//! no honest city would put together.

use crate::browser::{Checked, check_saved};
use crate::world::World;
use ledger::{Folder, Leaf, Log};

const ORDER: &str = "ord_019aa1b2c3d47e5f8a0b1c2d3e4f5061";
const OTHER: &str = "ord_019aa1b2c3d47e5f8a0b1c2d3e4f5062";

fn entry(kind: &str) -> Leaf {
    Leaf::new(kind, "2026-11-23T08:00:00Z".parse::<base::Time>().expect("a time"))
}

/// An order to switch one camera off.
fn order() -> Leaf {
    entry("order.off").id(ORDER).by("clerk").fact("level", "capture").fact("camera", "cam-1")
}

/// What a camera without a key of its own says when it is off.
fn off(order: Option<&str>) -> Leaf {
    let said = entry("camera.off").fact("camera", "cam-1").fact("frames", 7).fact("spool", "kept");
    order.into_iter().fold(said, |said, order| said.fact("order", order))
}

fn lease() -> Leaf {
    entry("lease.granted").fact("camera", "cam-1").fact("until", "2026-11-23T09:00:00Z")
}

/// The certificate of [`ORDER`] that holds all these entries of a log of their own: its file, of this name, and the log's key.
fn certificate(world: &World, name: &str, entries: &[Leaf]) -> (std::path::PathBuf, String) {
    let folder = Box::new(Folder::new(world.path(&format!("{name}.log"))));
    let log =
        Log::create(folder, "homeplate/test", base::SigningKey::generate()).expect("a new log");
    log.append_all(entries).expect("appended");
    let receipts = (0..log.size()).map(|n| log.entry(n).expect("an entry").receipt());
    let receipts: Vec<String> = receipts.collect();
    let text = serde_json::json!({
        "v": 1, "city": "Test", "origin": "homeplate/test", "vkey": log.vkey(), "order": ORDER,
        "made": "2026-11-23T10:00:00Z", "entries": receipts,
    });
    let file = world.path(&format!("{name}.json"));
    std::fs::write(&file, text.to_string()).expect("written");
    (file, log.vkey().to_owned())
}

#[test]
fn both_say_the_same_of_entries_that_do_not_belong_together() {
    let mut world = World::new();
    world.init();
    world.serve();
    let page = world.get("/check.html");
    let other_camera = entry("camera.off").fact("camera", "cam-2").fact("frames", 7);
    let stopped = entry("camera.stopped").fact("camera", "cam-1").fact("counter", 3);
    // (entries, what the command says, what the page says)
    let good: [(Vec<Leaf>, &str, &str); 4] = [
        (vec![lease(), order(), off(Some(ORDER))], "without a signature", "without a signature"),
        (vec![lease(), order()], "not reached", "not reached"),
        (
            vec![lease().fact("foreign", true), order()],
            "somebody must cut its power",
            "somebody must cut its power",
        ),
        // Entered at the camera, which answered before the city had heard of the order.
        (vec![off(Some(ORDER)), order()], "last frame 7", "last frame 7"),
    ];
    let bad: [(Vec<Leaf>, &str, &'static str); 8] = [
        (vec![off(None), order()], "said before the order", "was said before the order."),
        (
            vec![stopped.fact("order", ORDER), order()],
            "said before the order",
            "was said before the order.",
        ),
        (
            vec![order().fact("level", "sharing"), off(Some(ORDER))],
            "not one to switch cameras off",
            "not one to switch cameras off.",
        ),
        (vec![order(), off(Some(OTHER))], "answers another order", "answers another order."),
        (vec![order(), other_camera], "the order does not name", "the order does not name."),
        (
            vec![order(), entry("camera.off").fact("frames", 7)],
            "names no camera",
            "names no camera.",
        ),
        (
            vec![order(), entry("camera.moved").fact("camera", "cam-1")],
            "of the type camera.moved",
            "does not belong there",
        ),
        (vec![order().id(OTHER)], "is not in it", "is not in it."),
    ];
    let mut cases = Vec::new();
    for (n, (entries, command, says)) in good.iter().chain(&bad).enumerate() {
        let (file, vkey) = certificate(&world, &format!("certificate-{n}"), entries);
        let path = file.display().to_string();
        let done = world.plain(&["verify", "--certificate", &path, "--vkey", &vkey]);
        let (holds, said) = (n < good.len(), format!("{}{}", done.out, done.err));
        assert_eq!(done.code == 0, holds, "{n}: {said}");
        assert!(said.contains(command), "{n}: {said}");
        cases.push(Checked { file, vkey, witnesses: String::new(), holds, says });
    }
    check_saved(&world, &page, &cases, None);
}
