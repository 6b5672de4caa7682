//! What cameras do that no standard foresees, as data: how it shows, what the reader does, where it was told
//! of in public, and the test that shows it.

use serde::Serialize;

/// One oddity.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quirk {
    /// Its short name.
    pub name: &'static str,
    /// How it shows.
    pub shows: &'static str,
    /// What the reader does.
    pub done: &'static str,
    /// Who has told of it in public, and of which cameras or servers. Not a list of all that do it.
    pub told: &'static str,
    /// The test in `crates/frames/tests/frames/quirks.rs`.
    pub test: &'static str,
}

/// All of them.
pub const QUIRKS: [Quirk; 7] = [
    Quirk {
        name: "answers and is silent",
        shows: "Every request is answered, and for hours no packet comes.",
        done: "The watchdog goes by the age of the last decoded picture: after `silence_s` the session's process is ended and a new one begins from nothing.",
        told: "Reolink battery cameras behind a proxy (Shareed2k/reolinkproxy issue 24).",
        test: "a_session_without_packets_is_begun_anew",
    },
    Quirk {
        name: "a dead session goes on",
        shows: "After a broken connection the packets of the session before it arrive in the new one.",
        done: "A session is always closed with TEARDOWN where the line allows it. Of several senders in one session the pictures of one are shown; when it is silent for a second the next one's are.",
        told: "Servers on LIVE555 before 2017-06-04, some Reolink models (scottlamb/retina issue 17).",
        test: "packets_of_a_dead_session_do_no_harm",
    },
    Quirk {
        name: "refuses keep-alives",
        shows: "GET_PARAMETER is offered, and answered with an error.",
        done: "The answer to a keep-alive is not looked at; pictures are what counts. Within the connection keep-alives are sent only while no packet comes: the reader's RTCP reports show that it is there.",
        told: "Hipcam servers, which do not answer at all (ngraziano/SharpRTSP issue 63), Thingino firmware (themactep/thingino-firmware issue 490), a camera sold as C520WS (scottlamb/retina pull request 134).",
        test: "refused_keep_alives_end_nothing",
    },
    Quirk {
        name: "times stand still or leap",
        shows: "RTP's timestamps are all alike, or leap by hours and back.",
        done: "A picture's time is that of its arrival, and where the camera's own times do not move on, arrival decides which are left out (up to half of them).",
        told: "No maker is named here.",
        test: "times_that_stand_or_leap_leave_pictures",
    },
    Quirk {
        name: "asks for the login again",
        shows: "A correct answer to 401 is answered with 401 and a new nonce (`stale=true`).",
        done: "It is answered once more with the new nonce; only a refusal without that counts as a wrong password.",
        told: "Foreseen by RFC 2617, 3.2.1; servers whose nonces live for seconds.",
        test: "a_stale_nonce_is_no_wrong_password",
    },
    Quirk {
        name: "changes its size",
        shows: "Pictures of another width and height come in the same session: the profile was changed, or the camera turned.",
        done: "The decoder goes on and each picture carries its size; masks and lanes are fractions of the picture.",
        told: "No maker is named here; changing a profile on a camera's own page does it.",
        test: "another_size_in_the_stream_goes_on",
    },
    Quirk {
        name: "closes every few seconds",
        shows: "The connection is closed after a fixed time, however well it went.",
        done: "A session that gave pictures for five seconds is begun again a second later, each time; only sessions that give nothing are tried more and more rarely.",
        told: "Thingino firmware with a client whose keep-alives it refused: every 10 s (themactep/thingino-firmware issue 490).",
        test: "a_camera_that_closes_is_asked_again_soon",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with an oddity, for whoever writes one down.
    fn wrong(quirks: &[Quirk], tests: &str) -> Vec<String> {
        let mut out = Vec::new();
        for (n, quirk) in quirks.iter().enumerate() {
            let mut say = |what: String| {
                out.push(format!("crates/camera/src/quirks.rs: \"{}\" {what}", quirk.name));
            };
            if !tests.contains(&format!("#[test]\nfn {}(", quirk.test)) {
                say(format!(
                    "has no test: crates/frames/tests/frames/quirks.rs has no #[test] fn {}()",
                    quirk.test
                ));
            }
            let sentences = [("shows", quirk.shows), ("done", quirk.done), ("told", quirk.told)];
            for (field, words) in sentences {
                if !words.ends_with('.') {
                    say(format!("needs a sentence in `{field}`, with a full stop: {words:?}"));
                }
            }
            if quirks[..n].iter().any(|other| other.name == quirk.name) {
                say("stands there twice".into());
            }
        }
        out
    }

    #[test]
    fn each_has_its_test() {
        let wrong = wrong(&QUIRKS, include_str!("../../frames/tests/frames/quirks.rs"));
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Each by hand what a newcomer may get wrong, and what they are told.
    #[test]
    fn a_wrong_one_is_told() {
        let good = Quirk {
            name: "sings",
            shows: "It sings.",
            done: "It is listened to.",
            told: "Nobody.",
            test: "it_sings",
        };
        let check = |quirks: &[Quirk], want: &str| {
            let told = wrong(quirks, "#[test]\nfn it_sings() {}\n");
            assert_eq!(told, [format!("crates/camera/src/quirks.rs: \"sings\" {want}")]);
        };
        assert_eq!(wrong(&[good], "#[test]\nfn it_sings() {}\n"), [""; 0]);
        check(
            &[Quirk { test: "it_hums", ..good }],
            "has no test: crates/frames/tests/frames/quirks.rs has no #[test] fn it_hums()",
        );
        check(&[Quirk { told: "", ..good }], "needs a sentence in `told`, with a full stop: \"\"");
        check(&[good, good], "stands there twice");
    }
}
