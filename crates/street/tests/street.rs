//! The rendered street: the same bytes for the same scenario, and a truth that is true.

use street::{Body, Car, Light, Scenario, Street};

fn one_car() -> Scenario {
    Scenario { width: 480, height: 270, ..Scenario::empty(3.0, Light::Day, 7) }.with(Car {
        plate: "7ABC128".into(),
        state: "us-ca".into(),
        lane: 0,
        start_s: 0.0,
        speed: 7.0,
        toward: true,
        body: Body::Suv,
    })
}

#[test]
fn same_seed_same_bytes() {
    let frame = |scenario: Scenario| Street::new(scenario).jpeg(9);
    assert_eq!(frame(one_car()), frame(one_car()));
    assert_ne!(frame(one_car()), frame(Scenario { seed: 8, ..one_car() }));
}

#[test]
fn a_plate_grows_and_stays_inside_the_frame() {
    let truth = Street::new(one_car()).truth();
    let widths: Vec<f32> =
        truth.frames.iter().flat_map(|f| f.plates.iter().map(|p| p.width)).collect();
    assert!(widths.len() > 5, "{widths:?}");
    assert!(widths.windows(2).all(|w| w[0] < w[1]), "{widths:?}");
    for plate in truth.frames.iter().flat_map(|f| &f.plates) {
        for [x, y] in plate.corners {
            assert!((0.0..=480.0).contains(&x) && (0.0..=270.0).contains(&y));
        }
    }
    assert_eq!(truth.passes.len(), 1);
    assert!(truth.passes[0].seen_s.is_some());
}

/// Where the truth says that a plate is, the picture is bright with dark characters.
#[test]
fn the_plate_is_where_the_truth_says() {
    let street = Street::new(Scenario { width: 1280, height: 720, ..one_car() });
    let frame = (0..street.frames()).rev().find(|f| !street.plates(*f).is_empty()).unwrap();
    let plate = &street.plates(frame)[0];
    let picture = image::load_from_memory(&street.jpeg(frame)).unwrap().to_luma8();
    let at = |u: f32, v: f32| {
        let mix =
            |a: [f32; 2], b: [f32; 2], t: f32| [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t];
        let [tl, tr, br, bl] = plate.corners;
        let [x, y] = mix(mix(tl, tr, u), mix(bl, br, u), v);
        picture.get_pixel(x as u32, y as u32).0[0]
    };
    let row: Vec<u8> = (0..200).map(|i| at(0.05 + 0.9 * i as f32 / 200.0, 0.53)).collect();
    assert!(row.iter().filter(|v| **v > 150).count() > 50, "{row:?}");
    assert!(row.iter().filter(|v| **v < 110).count() > 30, "{row:?}");
}

#[test]
fn scenarios_have_traffic_and_the_stolen_car() {
    for name in ["day", "dusk", "demo"] {
        let scenario = Scenario::named(name, 20.0, 1).unwrap();
        assert!(scenario.cars.len() >= 6, "{name}");
        let stolen = scenario.cars.iter().filter(|c| c.plate == Scenario::STOLEN).count();
        assert_eq!(stolen, usize::from(name == "demo"));
        let passes =
            Street::new(Scenario { width: 320, height: 180, fps: 4.0, ..scenario }).truth().passes;
        assert_eq!(passes.iter().filter(|p| p.text == Scenario::STOLEN).count(), stolen);
    }
    assert!(Scenario::named("night", 20.0, 1).is_none());
}
