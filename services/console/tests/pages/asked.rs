//! What a unit asks the citizen, and what it sends along, as the pages show it.

use console::Role;
use contracts::Code;
use contracts::events::routing::{CaseDispatched, ProgressReported, QuestionAnswered, QuestionAsked};
use contracts::sealed::{Attachment, Note};
use kernel::Actor;
use kernel::taxonomy::{Kind, Office};

use crate::house::House;

#[tokio::test]
async fn the_citizen_reads_what_a_unit_asks_once_that_is_on_record_and_photos_are_shown_inside_only() {
    let house = House::open().await.unwrap();
    let (case, code, _) = house.report("q", "Ngập ở hẻm 9").await.unwrap();
    house.sort(case, Kind::Reflection, 2).await.unwrap();
    let unit = || Actor::of("unit", "so_xd").unwrap();
    let (so_xd, office) = (Code::lossy("so_xd"), Office::PeoplesCommittee);
    let dispatched = CaseDispatched {
        unit: so_xd.clone(),
        office,
        revision: 1,
        basis: Code::lossy("level_2"),
    };
    house.state(case, &dispatched, unit(), None).await.unwrap();
    let asked = QuestionAsked {
        unit: so_xd.clone(),
        revision: 1,
        question: 1,
    };
    let words = serde_json::to_vec(&Note::of("Ngập tới <b>đâu</b>?".to_owned())).unwrap();
    house.state(case, &asked, unit(), Some(words)).await.unwrap();
    let progress = ProgressReported {
        unit: so_xd.clone(),
        revision: 1,
        committed_date: None,
        attachments: 2,
    };
    let photo = |data: &str| Attachment {
        media_type: "image/png".to_owned(),
        data: data.to_owned(),
    };
    let note = Note {
        text: "Đang hút nước".to_owned(),
        attachments: vec![photo("iVBORw0KGgo="), photo("\"><script>")],
    };
    let note = serde_json::to_vec(&note).unwrap();
    let position = house.state(case, &progress, unit(), Some(note)).await.unwrap();
    let mut inside = house.signed(Role::Office).await.unwrap();
    let page = format!("/cases/{code}?at={position}");
    assert!(inside.get(&page).await.unwrap().body.contains("kèm 2 tệp"));
    let content = inside
        .post(&page, &format!("/cases/{code}/content"), &[])
        .await
        .unwrap();
    assert!(
        content
            .body
            .contains("src=\"data:image/png;base64,iVBORw0KGgo=\"")
    );
    assert!(!content.body.contains("<script>"), "what is no base64 is no file");

    let mut citizen = house.browser().unwrap();
    let track = format!("/track/{code}");
    let page = citizen.get(&track).await.unwrap();
    assert!(page.body.contains("Đơn vị xử lý hỏi bạn") && !page.body.contains("Ngập tới"));
    let questions = format!("{track}/questions");
    let before = house.openings(case).await.unwrap().len();
    assert_eq!(citizen.post_bare(&questions, &[]).await.unwrap().status, 403);
    assert_eq!(house.openings(case).await.unwrap().len(), before);
    let page = citizen.post(&track, &questions, &[]).await.unwrap();
    assert!(page.body.contains("Ngập tới &#60;b&#62;đâu"), "{}", page.body);
    assert!(!page.body.contains("Đang hút nước") && !page.body.contains("hẻm 9"));
    assert!(house.openings(case).await.unwrap()[before].contains("citizen"));
    // Routing is away: what was typed is not lost.
    let answer = [("question", "1"), ("id", "a"), ("text", "Tới đầu gối")];
    let page = citizen
        .post(&track, &format!("{track}/answer"), &answer)
        .await
        .unwrap();
    assert!(page.status == 503 && page.body.contains("Tới đầu gối"));
    let answered = QuestionAnswered {
        unit: so_xd,
        office,
        dispatch: 1,
        revision: 2,
        question: 1,
    };
    house
        .state(case, &answered, Actor::citizen(), None)
        .await
        .unwrap();
    let page = citizen.get(&track).await.unwrap();
    assert!(!page.body.contains("Đơn vị xử lý hỏi bạn"));
}
