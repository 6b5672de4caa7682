//! Pictures from anywhere: pixels within the limits, or one sentence.
#![no_main]
use libfuzzer_sys::fuzz_target;
use vision::Picture;

fuzz_target!(|bytes: &[u8]| {
    match Picture::decode(bytes) {
        Ok(picture) => {
            assert_eq!(picture.grey().len(), picture.width() * picture.height());
            if picture.grey().len() < 1 << 20 {
                let rgb = picture.rgb();
                assert_eq!((rgb.width() as usize, rgb.height() as usize), (picture.width(), picture.height()));
            }
            let (w, h) = (picture.width() as f32, picture.height() as f32);
            let _ = picture.flat(&[[0.0, 0.0], [w, 1.0], [w - 1.0, h], [0.0, h]]);
        }
        Err(e) => assert!(e.to_string().ends_with('.') && !e.to_string().contains('\n')),
    }
});
