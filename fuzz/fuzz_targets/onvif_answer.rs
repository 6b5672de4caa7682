//! What ONVIF devices and RTSP servers answer.
#![no_main]
use camera::onvif::{
    Address, Challenge, Element, Light, Probe, near, plan, read_options, read_profiles, read_sdp,
    read_settings,
};
use libfuzzer_sys::fuzz_target;
use std::net::IpAddr;

fuzz_target!(|body: &[u8]| {
    let _ = Probe::new().read(body, IpAddr::from([10, 0, 0, 7]));
    if let Ok(all) = Element::read(body) {
        assert!(read_profiles(&all).len() <= 16);
        let _ = read_settings(&all);
        if let Ok(plan) = plan(Light::Night, &read_options(&all)) {
            assert!(!plan.set.mode.is_empty());
        }
    }
    let (_, size) = read_sdp(body);
    assert!(size.is_none_or(|s| s.iter().all(|n| (16..=16_384).contains(n))));
    if let Ok(text) = std::str::from_utf8(body) {
        let _ = Challenge::read(text.lines());
        if let Ok(address) = Address::read(text) {
            assert!(near(address.host().ip()));
        }
    }
});
