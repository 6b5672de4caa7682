//! Whatever a broken decoder writes: frames, an end, or one error; never more than was announced.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (mut from, mut payload) = (bytes, Vec::new());
    while let Ok(Some(header)) = camera::read_frame(&mut from, &mut payload) {
        assert_eq!(payload.len(), header.payload as usize);
        // What is taken is what would be written.
        let mut again = Vec::new();
        camera::write_frame(&mut again, &header, &payload).unwrap();
        assert_eq!(camera::read_frame(&mut &again[..], &mut Vec::new()).unwrap(), Some(header));
    }
});
