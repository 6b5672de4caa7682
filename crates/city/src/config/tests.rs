//! Configurations that are read, and ones that are not.

use super::*;

const GATE: &str = "[[cameras.gate]]\ncamera=\"cam_a\"\nuntil=\"2027-01-01T00:00:00Z\"\n";

#[test]
fn the_clocks_of_the_city() {
    let check = |zone: &str, at: &str, want: &str| {
        let text = format!("[city]\nname=\"S\"\nslug=\"s\"\ntime_zone=\"{zone}\"\n");
        let city = Config::parse(&text).unwrap().city;
        assert_eq!(city.shown(at.parse().unwrap()), want);
        let whole = at.parse::<Time>().unwrap().floor_to(60_000);
        assert_eq!(city.moment(&city.typed(whole)).unwrap(), whole, "{zone}");
        assert!(city.moment("2026-11-23").is_ok() && city.moment("noon").is_err());
    };
    check("UTC", "2026-11-23T08:15:42Z", "2026-11-23 08:15:42 UTC");
    check("America/Los_Angeles", "2026-11-23T08:15:42Z", "2026-11-23 00:15:42 PST");
    check("America/Los_Angeles", "2026-07-23T02:15:42Z", "2026-07-22 19:15:42 PDT");
}

#[test]
fn a_file_that_is_not_there_is_not_one_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let kind = |path: &Path| Config::load(path).unwrap_err().kind();
    assert_eq!(kind(&dir.path().join("homeplate.toml")), base::Kind::NotFound);
    assert_eq!(kind(dir.path()), base::Kind::Unavailable);
}

#[test]
fn how_far_the_clocks_are_ahead() {
    let check = |zone: &str, from: &str, until: &str, want: &[(&str, i64)]| {
        let text = format!("[city]\nname=\"S\"\nslug=\"s\"\ntime_zone=\"{zone}\"\n");
        let city = Config::parse(&text).unwrap().city;
        let found = city.ahead(from.parse().unwrap(), until.parse().unwrap());
        let want: Vec<(Time, i64)> =
            want.iter().map(|(at, hours)| (at.parse().unwrap(), hours * 3_600_000)).collect();
        assert_eq!(found, want, "{zone}");
    };
    let (eve, change, after) =
        ("2026-10-31T00:00:00Z", "2026-11-01T09:00:00Z", "2026-11-02T00:00:00Z");
    check("UTC", eve, after, &[(eve, 0)]);
    check("America/Los_Angeles", eve, after, &[(eve, -7), (change, -8)]);
    check("America/Los_Angeles", eve, change, &[(eve, -7)]);
    check("America/Los_Angeles", change, after, &[(change, -8)]);
}

#[test]
fn bad_files_say_what_is_wrong() {
    let good = "[city]\nname = \"Springfield\"\nslug = \"springfield\"\n";
    assert_eq!(Config::parse(good).unwrap().origin(), "homeplate/springfield");
    for (text, want) in [
        ("", "missing field `city`"),
        ("[city]\nname=\"S\"\nslug=\"S\"\n", "city.slug"),
        (&format!("{good}[server]\ningest_in_flight=0\n"), "server.ingest_in_flight"),
        (&format!("{good}[server]\nshift_hours=13\n"), "server.shift_hours"),
        (&format!("{good}[server]\npublic_url=\"http://a.example\"\n"), "server.public_url"),
        (&format!("{good}[server]\nmetrics=\"all\"\n"), "unknown variant"),
        (&format!("{good}[keys]\nepoch=5\n"), "unknown field `epoch`"),
        (&format!("{good}[keys]\nepoch_s=7\n"), "keys.epoch_s"),
        (&format!("{good}[keys]\nepoch_s=\"1h\"\n"), "invalid type"),
        (&format!("{good}[log]\ntally_s=0\n"), "log.tally_s"),
        (&format!("{good}[log]\ncounts_s=3601\n"), "log.counts_s"),
        (&format!("{good}[log]\nminutes=7\n"), "log.minutes"),
        (
            &format!("{good}[cases]\nrecords_url=\"http://r.example/{{case}}\"\n"),
            "cases.records_url",
        ),
        (&format!("{good}[cases]\nrecords_token=\"ask\"\n"), "cases.records_token"),
        (&format!("{good}[cases]\nrecords_url=\"https://r.example/\"\n"), "cases.records_url"),
        (&format!("{good}[log]\ndelay_minutes=10081\n"), "log.delay_minutes"),
        (&format!("{good}[log]\nsealed_days=9999\n"), "log.sealed_days"),
        (&format!("{good}[log]\nresults=\"none\"\n"), "unknown variant"),
        (&format!("{good}[log]\nwitness_within_s=1\n"), "log.witness_within_s"),
        (&format!("{good}[log]\nwitness_rule=\"before\"\n"), "needs log.witnesses"),
        (&format!("{good}[switch]\noff_signatures=0\n"), "switch.off_signatures"),
        (&format!("{good}[switch.groups]\nA=[\"cam_a\"]\n"), "switch.groups"),
        (&format!("{good}[switch.groups]\na=[]\n"), "switch.groups"),
        (&format!("{good}[cameras]\nsilent_minutes=1\n"), "cameras.silent_minutes"),
        (&format!("{good}[cameras]\nhits_only=[\"north\"]\n"), "cameras.hits_only"),
        (&format!("{good}[cameras]\nwithout_list=\"some\"\n"), "unknown variant"),
        (&format!("{good}{GATE}to=\"http://8.8.8.8/\"\nreason=\"x\"\n"), "cameras.gate.to"),
        (&format!("{good}{GATE}to=\"http://10.0.0.9/\"\nreason=\" \"\n"), "cameras.gate.reason"),
        (&format!("{good}[console]\nconfirm=\"yes\"\n"), "unknown variant"),
        (&format!("{good}[store]\nengine=\"postgres\"\n"), "store.url is missing"),
        (&format!("{good}[store]\nurl=\"host=/x\"\n"), "store.url is for"),
        (&format!("{good}[store]\nengine=\"oracle\"\n"), "unknown variant"),
        (&format!("{good}[copy]\nto=\"ssh:host:/a\"\n"), "sshfs"),
        (&format!("{good}[copy]\nto=\"tape\"\n"), "copy.to"),
        (&format!("{good}[copy]\nto=\"s3:plates\"\n"), "copy.credentials"),
        (&format!("{good}[copy]\nto=\"s3:P\"\ncredentials=\"k\"\n"), "no bucket"),
        (&format!("{good}[copy]\nto=\"file:/a\"\ncredentials=\"k\"\n"), "for a bucket"),
        (&format!("{good}[copy]\nkeep_hours=505\n"), "copy.keep_hours"),
        (&format!("{good}[copy]\nevery_s=6\n"), "copy.every_s"),
        (&format!("{good}[copy]\nreads=\"weekly\"\n"), "unknown variant"),
        (&format!("{good}state=\"us-zz\"\n"), "city.state"),
        (&format!("{good}[[hotlist_drop]]\nlist=\"lst_a\"\nfolder=\"\"\n"), "hotlist_drop.folder"),
    ] {
        let e = Config::parse(text).unwrap_err();
        assert!(e.to_string().contains(want), "{e}");
    }
}

#[test]
fn a_password_in_the_address_stays_in_it() {
    let text = |url: &str| {
        format!(
            "[city]\nname = \"S\"\nslug = \"s\"\n\n[store]\nengine = \"postgres\"\nurl = {url}\n"
        )
    };
    let bad = Config::parse(&text("\"password=hush")).unwrap_err();
    assert!(!format!("{bad} {bad:?}").contains("hush"), "{bad:?}");
    let config = Config::parse(&text("\"host=/x password=hush\"")).unwrap();
    assert!(!format!("{config:?}").contains("hush"));
    let announced = |config: &Config| config.announced(text("").into_bytes());
    let other = Config::parse(&text("\"host=/x password=other\"")).unwrap();
    assert_eq!(announced(&config), announced(&other));
    assert!(!announced(&config).is_empty());
    let plain = Config::parse("[city]\nname = \"S\"\nslug = \"s\"\n").unwrap();
    assert_eq!(plain.announced(vec![1, 2]), [1, 2]);
}

#[test]
fn home_is_the_state_that_is_named_or_the_presets() {
    let home = |more: &str| {
        let text = format!("[city]\nname = \"S\"\nslug = \"s\"\n{more}");
        Config::parse(&text).unwrap().home_state()
    };
    assert_eq!(home(""), None);
    assert_eq!(home("preset=\"us-wa\"").as_deref(), Some("us-wa"));
    assert_eq!(home("preset=\"us-wa\"\nstate=\"us-il\"").as_deref(), Some("us-il"));
}

#[test]
fn case_numbers() {
    for (format, case, fits) in [
        ("##-####*", "26-0417", true),
        ("##-####*", "26-04179", true),
        ("##-####*", "26-041", false),
        ("##-####*", "investigation", false),
        ("@@##", "AB12", true),
        ("@@##", "AB123", false),
        ("*", "anything", true),
        ("*", "two\nlines", false),
    ] {
        assert_eq!(case_fits(format, case), fits, "{format} {case}");
    }
}
