//! The pages as a browser without scripts sees them, on a real ledger, broker and database.

#[path = "pages/asked.rs"]
mod asked;
#[path = "pages/house.rs"]
mod house;

use std::time::Duration;

use console::Role;
use house::{House, PASSWORD};
use kernel::taxonomy::Kind;

#[tokio::test]
async fn only_the_right_password_opens_the_door_and_the_cookie_is_no_key_to_the_database() {
    let house = House::open().await.unwrap();
    let mut browser = house.browser().unwrap();
    assert_eq!(browser.get("/cases").await.unwrap().status, 401);
    let wrong = browser.sign_in("operator", "something else").await.unwrap();
    assert_eq!(wrong.status, 401);
    assert!(wrong.body.contains("Tên đăng nhập hoặc mật khẩu không đúng."));
    let unknown = browser.sign_in("nobody", PASSWORD).await.unwrap();
    assert_eq!(unknown.status, 401);
    let right = browser.sign_in("operator", PASSWORD).await.unwrap();
    assert_eq!((right.status, right.to.as_str()), (303, "/cases"));
    let cookie = right.headers.get_all("set-cookie").iter().find_map(|c| {
        let c = c.to_str().ok()?;
        c.starts_with("hoiam_session=").then(|| c.to_owned())
    });
    let cookie = cookie.unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    assert_eq!(browser.get("/cases").await.unwrap().status, 200);
    let now = kernel::Instant::parse("2026-11-24T03:00:00Z").unwrap();
    // What the cookie holds is not what the table holds: a stolen database opens no session.
    assert!(
        house
            .store
            .session(&browser.cookies["hoiam_session"], now)
            .await
            .unwrap()
            .is_none()
    );
    let out = browser.post("/cases", "/sign-out", &[]).await.unwrap();
    assert_eq!(out.status, 303);
    assert_eq!(browser.get("/cases").await.unwrap().status, 401);
}

#[tokio::test]
async fn eight_wrong_passwords_close_a_login_even_to_the_right_one_and_to_no_other_login() {
    let house = House::open().await.unwrap();
    let mut browser = house.browser().unwrap();
    for _ in 0..console::people::MOST_FAILURES {
        assert_eq!(
            browser.sign_in("operator", "wrong again").await.unwrap().status,
            401
        );
    }
    assert_eq!(browser.sign_in("operator", PASSWORD).await.unwrap().status, 429);
    assert_eq!(browser.sign_in("office", PASSWORD).await.unwrap().status, 303);
}

#[tokio::test]
async fn a_form_from_another_site_does_nothing() {
    let house = House::open().await.unwrap();
    let (case, code, position) = house.report("a", "Ngập ở hẻm 5").await.unwrap();
    let mut browser = house.signed(Role::Operator).await.unwrap();
    browser
        .get(&format!("/cases/{code}?at={position}"))
        .await
        .unwrap();
    let bare = browser
        .post_bare(&format!("/cases/{code}/content"), &[("csrf", "0000")])
        .await
        .unwrap();
    assert_eq!(bare.status, 403);
    assert!(!bare.body.contains("Ngập ở hẻm 5"));
    assert!(house.openings(case).await.unwrap().is_empty());
}

#[tokio::test]
async fn who_just_saved_a_report_sees_it_and_its_words_only_after_an_opening_on_record() {
    let house = House::open().await.unwrap();
    let (case, code, position) = house.report("b", "Cây đổ chắn đường Lê Lợi").await.unwrap();
    let mut browser = house.signed(Role::Operator).await.unwrap();
    let page = browser
        .get(&format!("/cases/{code}?at={position}"))
        .await
        .unwrap();
    assert_eq!(page.status, 200);
    assert!(page.body.contains(&code) && page.body.contains("Tiếp nhận phản ánh qua Điện thoại, 24 ký tự"));
    assert!(!page.body.contains("Cây đổ") && !page.body.contains("0903000111"));
    assert!(house.openings(case).await.unwrap().is_empty());
    let opened = browser
        .post(&format!("/cases/{code}"), &format!("/cases/{code}/content"), &[])
        .await
        .unwrap();
    assert_eq!(opened.status, 200, "{}", opened.body);
    assert!(opened.body.contains("Cây đổ chắn đường Lê Lợi") && opened.body.contains("0903000111"));
    let openings = house.openings(case).await.unwrap();
    assert_eq!(openings.len(), 1);
    assert!(
        openings[0].contains("operator:operator") && openings[0].contains("handle"),
        "{}",
        openings[0]
    );
}

#[tokio::test]
async fn an_administrator_reads_no_content_and_an_office_does_not_see_who_denounced() {
    let house = House::open().await.unwrap();
    let (case, code, _) = house.report("c", "Cán bộ nhận tiền").await.unwrap();
    let position = house.sort(case, Kind::Denunciation, 3).await.unwrap();
    let path = format!("/cases/{code}?at={position}");
    let open = format!("/cases/{code}/content");
    let mut admin = house.signed(Role::Admin).await.unwrap();
    let page = admin.get(&path).await.unwrap();
    assert!(page.status == 200 && !page.body.contains("Xem nội dung"));
    assert_eq!(admin.post(&path, &open, &[]).await.unwrap().status, 403);
    assert!(house.openings(case).await.unwrap().is_empty());
    let mut office = house.signed(Role::Office).await.unwrap();
    let opened = office.post(&path, &open, &[]).await.unwrap();
    assert!(opened.body.contains("Cán bộ nhận tiền") && !opened.body.contains("0903000111"));
}

#[tokio::test]
async fn the_list_shows_what_matches_and_the_page_before_goes_on_where_it_ended() {
    let house = House::open().await.unwrap();
    let mut last = kernel::Position(0);
    let mut codes = Vec::new();
    for i in 0..53 {
        let (case, code, _) = house.report(&format!("list {i}"), "Ngập").await.unwrap();
        last = house
            .sort(case, Kind::Reflection, if i % 2 == 0 { 1 } else { 3 })
            .await
            .unwrap();
        codes.push(code);
    }
    let mut browser = house.signed(Role::Operator).await.unwrap();
    browser
        .get(&format!("/cases/{}?at={last}", codes[0]))
        .await
        .unwrap();
    let first = browser.get("/cases/rows?").await.unwrap().body;
    assert!(first.contains(&codes[52]) && first.contains(&codes[3]) && !first.contains(&codes[2]));
    let older = first
        .split("href=\"/cases?")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let second = browser.get(&format!("/cases/rows?{older}")).await.unwrap().body;
    assert!(second.contains(&codes[2]) && second.contains(&codes[0]) && !second.contains(&codes[3]));
    let desk = browser
        .get("/cases/rows?state=at_desk&level=1&topic=flooding")
        .await
        .unwrap()
        .body;
    assert!(desk.contains(&codes[52]) && !desk.contains(&codes[51]));
    assert!(
        browser
            .get("/cases/rows?mine=1")
            .await
            .unwrap()
            .body
            .contains(&codes[52])
    );
    let leader = house
        .signed(Role::Leader)
        .await
        .unwrap()
        .get("/cases/rows?mine=1")
        .await
        .unwrap()
        .body;
    assert!(leader.contains(&codes[51]) && !leader.contains(&codes[52]));
    let found = browser
        .get(&format!("/cases?q={}", codes[7].to_lowercase()))
        .await
        .unwrap();
    assert_eq!(found.to, format!("/cases/{}", codes[7]));
    let part = browser
        .get(&format!("/cases/rows?q={}", &codes[7][3..8]))
        .await
        .unwrap()
        .body;
    assert!(part.contains(&codes[7]));
}

#[tokio::test]
async fn every_page_is_there_in_both_languages_and_the_choice_stays() {
    let house = House::open().await.unwrap();
    let mut browser = house.signed(Role::Operator).await.unwrap();
    assert!(
        browser
            .get("/cases")
            .await
            .unwrap()
            .body
            .contains("<html lang=\"vi\">")
    );
    assert!(
        browser
            .get("/new")
            .await
            .unwrap()
            .body
            .contains("Người gọi nói gì")
    );
    assert!(
        browser
            .get("/new?lang=en")
            .await
            .unwrap()
            .body
            .contains("What the caller says")
    );
    let english = browser.get("/cases").await.unwrap().body;
    assert!(english.contains("<html lang=\"en\">") && english.contains("Sign out"));
    assert!(
        browser
            .get("/nowhere")
            .await
            .unwrap()
            .body
            .contains("There is no such page or case.")
    );
}

#[tokio::test]
async fn a_citizen_follows_a_case_by_its_code_and_learns_nothing_of_the_house() {
    let house = House::open().await.unwrap();
    let (case, code, _) = house.report("d", "Ngập ở hẻm 9").await.unwrap();
    let position = house.sort(case, Kind::Reflection, 2).await.unwrap();
    let mut inside = house.signed(Role::Operator).await.unwrap();
    inside.get(&format!("/cases/{code}?at={position}")).await.unwrap();
    let mut citizen = house.browser().unwrap();
    let typed = code.to_lowercase().replace('-', "");
    assert_eq!(
        citizen.get(&format!("/track?code={typed}")).await.unwrap().to,
        format!("/track/{code}")
    );
    let page = citizen.get(&format!("/track/{code}")).await.unwrap();
    assert!(page.status == 200 && page.body.contains("Đã chuyển tới nơi phải xử lý."));
    for secret in ["Ngập", "0903000111", "so_xd", "clause", "operator"] {
        assert!(!page.body.contains(secret), "{secret}");
    }
    let mistyped = format!(
        "{}{}",
        &code[..code.len() - 1],
        if code.ends_with('0') { '1' } else { '0' }
    );
    let wrong = citizen.get(&format!("/track?code={mistyped}")).await.unwrap();
    assert!(wrong.status == 422 && wrong.body.contains("ký tự cuối không khớp"));
}

#[tokio::test]
async fn a_service_that_is_away_is_said_so_and_nothing_typed_is_lost() {
    let house = House::open().await.unwrap();
    let mut browser = house.signed(Role::Operator).await.unwrap();
    let fields = [
        ("id", "1"),
        ("line", "1022"),
        ("text", "Ống nước bể trước số 12"),
        ("phone", "0903000111"),
    ];
    let page = browser.post("/new", "/new", &fields).await.unwrap();
    assert_eq!(page.status, 503);
    assert!(page.body.contains("Dịch vụ phụ trách chưa trả lời"));
    assert!(page.body.contains("Ống nước bể trước số 12") && page.body.contains("0903000111"));
}

#[tokio::test]
async fn every_answer_forbids_scripts_of_others_framing_and_keeping() {
    let house = House::open().await.unwrap();
    let mut browser = house.signed(Role::Operator).await.unwrap();
    for path in ["/", "/cases", "/new", "/track", "/nowhere"] {
        let headers = browser.get(path).await.unwrap().headers;
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(headers["cache-control"], "no-store", "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
    }
    let page = browser.get("/cases").await.unwrap().body;
    assert!(
        !page.contains("style=") && !page.contains("onclick=") && !page.contains("://"),
        "no inline code, nothing from elsewhere"
    );
}

#[tokio::test]
async fn the_directory_is_changed_by_an_administrator_only_and_the_same_request_changes_it_once() {
    use contracts::grpc::console::directory_client::DirectoryClient;
    use contracts::grpc::console::{GrantRequest, ListRequest};
    fn as_caller<T>(caller: &str, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        let token = format!("Bearer {}", testkit::ledger::token(caller));
        request
            .metadata_mut()
            .insert("authorization", token.parse().unwrap());
        request
    }
    let house = House::open().await.unwrap();
    let channel = tonic::transport::Endpoint::from_shared(house.grpc.clone())
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut directory = DirectoryClient::new(channel);
    let grant = GrantRequest {
        request_id: "1".to_owned(),
        kind: "unit".to_owned(),
        code: "so_xd".to_owned(),
        roles: vec!["unit".to_owned()],
        ..GrantRequest::default()
    };
    let refused = directory
        .grant(as_caller("routing", grant.clone()))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    let first = directory
        .grant(as_caller("test", grant.clone()))
        .await
        .unwrap()
        .into_inner();
    let again = directory
        .grant(as_caller("test", grant.clone()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (first.already, again.already, first.position),
        (false, true, again.position)
    );
    let wrong = GrantRequest {
        roles: vec!["king".to_owned()],
        request_id: "2".to_owned(),
        ..grant.clone()
    };
    let refused = directory.grant(as_caller("test", wrong)).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    let revoke = GrantRequest {
        request_id: "3".to_owned(),
        ..grant
    };
    let revoked = directory
        .revoke(as_caller("test", revoke))
        .await
        .unwrap()
        .into_inner();
    // Read your own writes: a page that waits for the position has the projection there.
    let mut browser = house.signed(Role::Admin).await.unwrap();
    browser
        .get(&format!("/cases/HA-00000-00000-0?at={}", revoked.position))
        .await
        .unwrap();
    let list = directory
        .list(as_caller("test", ListRequest {}))
        .await
        .unwrap()
        .into_inner();
    assert!(
        list.entries.is_empty() && list.position >= revoked.position,
        "{list:?}"
    );
}

#[tokio::test]
async fn what_changes_between_a_page_and_its_live_connection_is_told_at_once_and_nothing_else_is() {
    let house = House::open().await.unwrap();
    let (case, code, received) = house.report("a", "Ngập ở hẻm 5").await.unwrap();
    let mut browser = house.signed(Role::Operator).await.unwrap();
    let before = browser
        .get(&format!("/cases/{code}?at={received}"))
        .await
        .unwrap();
    let live = connection(&before.body);
    let quiet = browser
        .told(&live_after(case, received), Duration::from_millis(600))
        .await
        .unwrap();
    assert_eq!(quiet, None, "nothing happened since");

    let sorted = house.sort(case, Kind::Reflection, 2).await.unwrap();
    let page = browser.get(&format!("/cases/{code}?at={sorted}")).await.unwrap();
    assert_eq!(page.status, 200);
    let told = browser.told(&live, Duration::from_secs(20)).await.unwrap();
    assert!(
        told.is_some_and(|t| t.contains("changed")),
        "the page of before is told by {live}"
    );
}

fn live_after(case: kernel::CaseId, position: kernel::Position) -> String {
    format!("/live?case={case}&after={position}")
}

/// Where an open page asks to be told of changes.
fn connection(body: &str) -> String {
    let at = body
        .split("sse-connect=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    at.expect("the page listens")
        .replace("&amp;", "&")
        .replace("&#38;", "&")
}
