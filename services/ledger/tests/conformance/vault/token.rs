//! A key-encryption key that never leaves its token: SoftHSM2, by PKCS #11.

use super::*;

const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A token of SoftHSM's in a folder of its own, with one AES key: the variables for the process, and the key's URI.
fn softhsm(folder: &Path) -> Option<(String, String)> {
    if !Path::new(SOFTHSM).exists() {
        println!("could not run: SoftHSM2 is not installed (Debian: apt-get install softhsm2)");
        return None;
    }
    let path = |name: &str| folder.join(name).display().to_string();
    std::fs::create_dir(path("tokens")).unwrap();
    std::fs::write(
        path("softhsm2.conf"),
        format!("directories.tokendir = {}\n", path("tokens")),
    )
    .unwrap();
    std::fs::write(path("pin"), "1234\n").unwrap();
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key).unwrap();
    // softhsm2-util reads the file as a C string: a zero byte would cut the key short.
    key.iter_mut().for_each(|byte| *byte |= 1);
    std::fs::write(path("aes"), key).unwrap();
    let util = |arguments: &[&str]| {
        let done = Command::new("softhsm2-util")
            .args(arguments)
            .env("SOFTHSM2_CONF", path("softhsm2.conf"))
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    util(&[
        "--init-token",
        "--free",
        "--label",
        "hoiam",
        "--pin",
        "1234",
        "--so-pin",
        "5678",
    ]);
    util(&[
        "--import",
        &path("aes"),
        "--aes",
        "--token",
        "hoiam",
        "--label",
        "kek",
        "--id",
        "01",
        "--pin",
        "1234",
    ]);
    std::fs::remove_file(path("aes")).unwrap();
    let uri = format!(
        "pkcs11:token=hoiam;object=kek?module-path={SOFTHSM}&pin-source=file:{}",
        path("pin")
    );
    Some((path("softhsm2.conf"), uri))
}

/// A process for each life: the library reads its configuration from the environment.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_a_token_wraps_there_and_without_the_token_nothing_opens() {
    let mut world = World::sqlite().await;
    world.stop().await;
    world.url = format!("sqlite:{}", world.folder.path().join("token.db").display());
    let Some((conf, uri)) = softhsm(world.folder.path()) else {
        return;
    };
    let variables = [("SOFTHSM2_CONF", conf.as_str())];
    let case = Uuid::from_u128(5);
    {
        let (mut process, address) = process(&world, &uri, &variables).await;
        let mut client = connect(&address, "routing").await;
        for n in 0..20 {
            client
                .append(sealed(Uuid::new_v4(), &n.to_string()))
                .await
                .unwrap();
        }
        client.append(sealed(case, "trong thẻ")).await.unwrap();
        process.kill9();
    }
    let (mut process, address) = process(&world, &uri, &variables).await;
    let mut client = connect(&address, "routing").await;
    assert!(matches!(outcome(&mut client, 21).await, Outcome::Plaintext(_)));
    process.kill9();
    // Another key, even of the right kind, is named and refused; so is a token that does not answer.
    for (kek, says) in [
        (
            world.config.kek.display().to_string(),
            "wrapped by the key-encryption key",
        ),
        (uri.replace("token=hoiam", "token=other"), "no token"),
    ] {
        let done = Command::new(env!("CARGO_BIN_EXE_hoiam-ledger"))
            .env("HOIAM_LEDGER_DATABASE", &world.url)
            .env("HOIAM_LEDGER_KEK", &kek)
            .env("HOIAM_LEDGER_NO_RELAY", "true")
            .env("HOIAM_CALLERS", world.config.listen.callers.as_ref().unwrap())
            .env("HOIAM_GRPC_LISTEN", "127.0.0.1:0")
            .env("SOFTHSM2_CONF", &conf)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(!done.status.success() && said.contains(says), "{said}");
    }
}
