//! Units that are told by mail, over a real SMTP conversation, and the link by which an officer works on the one case.

use contracts::events::access::ContentOpened;
use contracts::events::outlet::{NoticeDelivered, NoticeUndelivered};
use contracts::events::routing::ResultReported;
use contracts::grpc::routing::{
    DispatchRequest, OutletRequest, ReadLinkReply, ReadLinkRequest, ResultRequest, SetOutletRequest,
    UnitRequest,
};
use kernel::{CaseId, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tonic::{Code as Status, Status as Refused};

use crate::world::{SAID, World, refused, request};

const DAY: i64 = 24 * 3_600 * Instant::SECOND;

/// A mail server: takes each mail, or answers the recipient with what it is told to.
struct MailServer {
    url: String,
    mails: mpsc::UnboundedReceiver<String>,
    _serving: tokio_util::task::AbortOnDropHandle<()>,
}

impl MailServer {
    async fn start(to_recipient: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let (tell, mails) = mpsc::unbounded_channel();
        let serving = tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                tokio::spawn(converse(connection, to_recipient, tell.clone()));
            }
        });
        Self {
            url,
            mails,
            _serving: tokio_util::task::AbortOnDropHandle::new(serving),
        }
    }

    async fn next(&mut self) -> String {
        let mail = tokio::time::timeout(std::time::Duration::from_secs(30), self.mails.recv());
        mail.await.unwrap().unwrap()
    }
}

/// RFC 5321, as far as a client needs that has nothing to say but a mail.
async fn converse(
    connection: tokio::net::TcpStream,
    to_recipient: &str,
    tell: mpsc::UnboundedSender<String>,
) {
    let (read, mut write) = connection.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 test ESMTP\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = match line.split([' ', ':']).next().unwrap() {
            "EHLO" => "250-test\r\n250 8BITMIME",
            "RCPT" => to_recipient,
            "DATA" => {
                write.write_all(b"354 go on\r\n").await.unwrap();
                let mut mail = String::new();
                while let Some(line) = lines.next_line().await.unwrap().filter(|line| line != ".") {
                    mail.push_str(&line);
                    mail.push('\n');
                }
                tell.send(mail).unwrap();
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        if write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The words of a mail, whichever way they are encoded.
fn words(mail: &str) -> String {
    let (head, body) = mail.split_once("\n\n").unwrap();
    if head.to_lowercase().contains("transfer-encoding: base64") {
        use base64::Engine;
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(body.replace('\n', ""))
            .unwrap();
        return String::from_utf8(bytes).unwrap();
    }
    if !head
        .to_lowercase()
        .contains("transfer-encoding: quoted-printable")
    {
        return body.to_owned();
    }
    let body = body.replace("=\n", "");
    let mut bytes = Vec::new();
    let mut rest = body.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn link_in(words: &str) -> String {
    let at = words.find("https://hoi-am.test/u/").expect("a link") + "https://hoi-am.test/u/".len();
    words[at..].split_whitespace().next().unwrap().to_owned()
}

async fn start(server: &MailServer) -> World {
    let url = server.url.parse().unwrap();
    let world = World::start_with(move |config| {
        config.smtp = Some(url);
        config.console_url = "https://hoi-am.test/".to_owned();
        config.mail_from = "Hồi Âm <hoiam@hoi-am.test>".to_owned();
    });
    let world = world.await;
    set(&world, "phong-xd@so-xd.example").await.unwrap();
    world.wait_for_outlet("so_xd").await;
    world
}

async fn set(world: &World, address: &str) -> Result<(), Refused> {
    let request = SetOutletRequest {
        on: Some(OutletRequest {
            request_id: uuid::Uuid::new_v4().to_string(),
            actor: "office:an".to_owned(),
            unit: "so_xd".to_owned(),
            carrier: "mail".to_owned(),
        }),
        address: address.to_owned(),
        rotate: false,
    };
    let reply = world
        .client("console")
        .await
        .set_outlet(request)
        .await?
        .into_inner();
    assert!(reply.secret.is_empty(), "nobody has to know it");
    Ok(())
}

async fn read(world: &World, link: &str) -> Result<ReadLinkReply, Refused> {
    let request = ReadLinkRequest {
        link: link.to_owned(),
    };
    Ok(world
        .client("console")
        .await
        .read_link(request)
        .await?
        .into_inner())
}

fn by(link: &str, id: &str) -> UnitRequest {
    UnitRequest {
        request_id: id.to_owned(),
        link: link.to_owned(),
        // What else is said counts for nothing.
        unit: "sawaco".to_owned(),
        revision: 9,
        ..UnitRequest::default()
    }
}

async fn opened(world: &World, case: CaseId) -> usize {
    world
        .ledger
        .read_case(case)
        .await
        .unwrap()
        .iter()
        .filter(|event| event.is::<ContentOpened>())
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_tells_facts_and_a_link_by_which_an_officer_opens_and_answers_the_one_case() {
    let mut server = MailServer::start("250 ok").await;
    let mut world = start(&server).await;
    let (case, _) = world.before_so_xd("1").await;
    let mail = server.next().await;
    let delivered = world.wait_for::<NoticeDelivered>(case).await;
    assert!(
        mail.contains("To: phong-xd@so-xd.example") && mail.contains("Message-ID: <"),
        "{mail}"
    );
    let words = words(&mail);
    assert!(words.starts_with("Kính gửi Sở Xây dựng"), "{words}");
    for secret in [SAID, "Lê Lợi", "0900000001"] {
        assert!(
            !words.contains(secret) && !mail.contains(secret),
            "a mail is no place for {secret}"
        );
    }
    let link = link_in(&words);
    let found = read(&world, &link).await.unwrap();
    assert_eq!(
        (found.state.as_str(), found.revision, found.topic.as_str()),
        ("waiting", 1, "roads")
    );
    assert_eq!(opened(&world, case).await, 0, "reading the link opens nothing");

    let mut console = world.client("console").await;
    let content = console.open(by(&link, "o")).await.unwrap().into_inner();
    assert_eq!(content.text, SAID);
    let opening = world.wait_for::<ContentOpened>(case).await;
    let said = opening.decode::<ContentOpened>().unwrap().unwrap();
    assert_eq!(
        (said.reader.as_str(), said.role.as_str()),
        ("unit:so_xd", "unit-link")
    );
    console.accept(by(&link, "a")).await.unwrap();
    assert_eq!(read(&world, &link).await.unwrap().state, "accepted");
    let result = ResultRequest {
        on: Some(by(&link, "r")),
        outcome: "done".to_owned(),
        text: "Đã vá xong".to_owned(),
        ..ResultRequest::default()
    };
    console.report_result(result.clone()).await.unwrap();
    let on_record = world.wait_for::<ResultReported>(case).await;
    assert_eq!(on_record.actor.as_str(), "unit:so_xd");
    assert!(on_record.position > delivered.position);

    // Sent twice is once; a second answer is none.
    assert!(console.report_result(result).await.unwrap().into_inner().already);
    assert_eq!(read(&world, &link).await.unwrap().state, "already_answered");
    assert_eq!(
        console.open(by(&link, "o2")).await.unwrap_err().code(),
        Status::FailedPrecondition
    );
    assert_eq!(opened(&world, case).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_altered_is_none_and_one_that_is_over_says_why_and_opens_nothing() {
    let mut server = MailServer::start("250 ok").await;
    let mut world = start(&server).await;
    let (case, _) = world.before_so_xd("1").await;
    let link = link_in(&words(&server.next().await));
    let (_, signed) = link.split_once('.').unwrap();
    let last = if link.ends_with('A') { "Q" } else { "A" };
    let altered = [
        format!("sawaco.{signed}"),
        format!("{}{last}", &link[..link.len() - 1]),
        link[..link.len() - 5].to_owned(),
        "so_xd.".to_owned(),
        "x".repeat(5_000),
        String::new(),
    ];
    for none in &altered {
        assert_eq!(
            read(&world, none).await.unwrap_err().code(),
            Status::NotFound,
            "{none}"
        );
        let opening = world
            .client("console")
            .await
            .open(UnitRequest {
                case_id: case.to_vec().into(),
                ..by(none, "o")
            })
            .await;
        assert!(opening.is_err(), "{none}");
    }
    // A unit's own token needs no link, and may not try others'.
    let unit = world
        .client("sawaco")
        .await
        .open(by(&link, "o"))
        .await
        .unwrap_err();
    assert_eq!(unit.code(), Status::PermissionDenied);

    world.clock.advance(31 * DAY);
    assert_eq!(read(&world, &link).await.unwrap().state, "expired");
    assert_eq!(
        world
            .client("console")
            .await
            .open(by(&link, "o"))
            .await
            .unwrap_err()
            .code(),
        Status::FailedPrecondition
    );
    world.clock.advance(-31 * DAY);

    let order = DispatchRequest {
        request_id: "o".to_owned(),
        actor: "office:an".to_owned(),
        case_id: case.to_vec().into(),
        unit: "sawaco".to_owned(),
    };
    world.client("console").await.dispatch(order).await.unwrap();
    assert_eq!(read(&world, &link).await.unwrap().state, "recalled");
    assert_eq!(
        world
            .client("console")
            .await
            .accept(by(&link, "a"))
            .await
            .unwrap_err()
            .code(),
        Status::FailedPrecondition
    );
    assert_eq!(opened(&world, case).await, 0);
    assert!(
        server.mails.try_recv().is_err(),
        "a recall needs no mail: the link says so"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_the_mail_server_refuses_is_given_up_at_once_on_record() {
    let server = MailServer::start("550 no such user").await;
    let mut world = start(&server).await;
    let (case, _) = world.before_so_xd("1").await;
    let given_up = world.wait_for::<NoticeUndelivered>(case).await;
    let given_up = given_up.decode::<NoticeUndelivered>().unwrap().unwrap();
    assert_eq!(
        (
            given_up.carrier.as_str(),
            given_up.reason.as_str(),
            given_up.attempts
        ),
        ("mail", "smtp_550", 1)
    );
    // The unit's desk is open all the same.
    assert_eq!(
        refused(&world.ask("so_xd", "accept", &request("a", case, 1)).await),
        "done"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_mail_address_is_refused_when_it_is_set() {
    let server = MailServer::start("250 ok").await;
    let world = start(&server).await;
    for bad in [
        "",
        "x",
        "a@",
        "a b@c",
        "a@b\r\nBcc: c@d",
        "https://so-xd.example/",
    ] {
        assert_eq!(
            set(&world, bad).await.unwrap_err().code(),
            Status::InvalidArgument,
            "{bad:?}"
        );
    }
}
