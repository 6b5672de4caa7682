//! Every key of a configuration is explained.

use super::*;
use crate::Config;

/// Every key that a file can have is explained, and nothing else is.
#[test]
fn every_key_is_explained() {
    let full = "[city]\nname=\"S\"\nslug=\"s\"\npreset=\"us-wa\"\nstate=\"us-wa\"\n\
                [[hotlist_drop]]\nlist=\"lst_a\"\nfolder=\"drop\"\nmapping=\"m\"\n\
                [[hotlist_fetch]]\nlist=\"lst_b\"\nurl=\"sftp://a@b.example/c\"\nkey=\"k\"\nmapping=\"m\"\n\
                host_key=\"SHA256:abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq\"\n\
                [server]\npublic_url=\"https://plates.example\"\n\
                [[webhook]]\nname=\"cad\"\nurl=\"https://x\"\nsecret=\"s\"\n\
                [[cameras.gate]]\ncamera=\"cam_a\"\nto=\"http://10.0.0.9/\"\nreason=\"x\"\n\
                until=\"2027-01-01T00:00:00Z\"\n\
                [directory]\nissuer=\"https://x\"\nclient_id=\"x\"\nsecret=\"x\"\n\
                [[directory_group]]\nname=\"x\"\noffice=\"x\"\nroles=[\"x\"]\n\
                [map]\nstreets=\"s.pmtiles\"\nattribution=\"x\"\n\
                [[map.layer]]\nname=\"p\"\nfile=\"p.geojson\"\n\
                [cases]\nopen_list=\"cases.txt\"\nrecords_url=\"https://x/{case}\"\nrecords_token=\"t\"\n";
    let mut config = Config::parse(full).unwrap();
    config.store.url = Some(store::Url("host=/x".into()));
    let custody = &mut config.custody;
    for text in [
        &mut custody.server_user,
        &mut custody.secret,
        &mut custody.pkcs11_module,
        &mut custody.pkcs11_token,
    ] {
        *text = Some("x".into());
    }
    config.log.witnesses = Some("witnesses.policy".into());
    config.server.passkey_domain = Some("plates.example".into());
    config.upkeep.backup_file = Some("backup.done".into());
    let tls = &mut config.tls;
    for one in [
        &mut tls.certificate,
        &mut tls.key,
        &mut tls.acme_contact,
        &mut tls.acme_ca,
        &mut tls.redirect_listen,
    ] {
        *one = Some("x".into());
    }
    let text = || Some(String::from("x"));
    let deliver = &mut config.deliver;
    for one in [
        &mut deliver.push_contact,
        &mut deliver.smtp_host,
        &mut deliver.smtp_from,
        &mut deliver.smtp_credentials,
    ] {
        *one = text();
    }
    config.hotlist_fetch[0].login = text();
    let copy = &mut config.copy;
    for one in [&mut copy.to, &mut copy.endpoint, &mut copy.credentials] {
        *one = text();
    }
    config.pictures.endpoint = text();
    config.pictures.bucket = text();
    config.pictures.prefix = text();
    config.pictures.credentials = text();
    let file: toml::Table = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
    let mut there: Vec<String> = file
        .iter()
        .flat_map(|(section, keys)| {
            let first = || keys.as_array()?.first()?.as_table();
            let keys = keys.as_table().or_else(first).unwrap().keys();
            keys.map(move |key| format!("{section}.{key}")).collect::<Vec<_>>()
        })
        .collect();
    let mut explained: Vec<String> = EXPLAINED.iter().map(|e| e.key.to_owned()).collect();
    there.sort();
    explained.sort();
    assert_eq!(there, explained);
}

#[test]
fn defaults_are_told_as_they_are() {
    let config = Config::parse("[city]\nname=\"S\"\nslug=\"s\"\n").unwrap();
    let file: toml::Table = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
    for one in EXPLAINED.iter().filter(|e| !e.default.starts_with("none")) {
        let (section, key) = one.key.split_once('.').unwrap();
        let value = &file[section][key];
        // Lists are told in words.
        if value.is_array() || value.is_table() {
            continue;
        }
        let spelled = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        assert_eq!(spelled, one.default, "{}", one.key);
    }
}
