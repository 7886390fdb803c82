//! What a text names, and what it does not.

use super::*;

fn parts(text: &str) -> (String, String, String, Vec<u32>) {
    let folded = Folded::new(text);
    let place = find(&folded);
    let words = |r: Option<Range<usize>>| r.map_or(String::new(), |r| folded.words_of(r).to_owned());
    (
        words(place.street),
        words(place.ward),
        words(place.district),
        place.wards,
    )
}

#[test]
fn the_data_holds_all_168_units_of_today_and_442_of_before() {
    assert_eq!(ward_codes().len(), 168);
    let before: usize = UNITS.wards.values().map(|m| m.before.len()).sum();
    assert_eq!(before, 442 - 1); // Côn Đảo was a district without wards
    assert_eq!(ward_name(25747), Some("Phường Thủ Dầu Một"));
}

#[test]
fn street_ward_and_district_are_found_with_and_without_tones() {
    let (street, ward, district, codes) = parts("ngập đường Nguyễn Hữu Cảnh, phường 22, Bình Thạnh");
    assert_eq!(
        (street.as_str(), ward.as_str(), district.as_str()),
        ("Nguyễn Hữu Cảnh", "phường 22", "Bình Thạnh")
    );
    assert_eq!(codes.len(), 1);
    assert_eq!(parts("duong Nguyen Huu Canh P22 BinhThanh bi ngap").3, codes);
    let (street, ward, ..) = parts("Ung Văn Khiêm, phường 25, Bình Thạnh kẹt xe");
    assert_eq!((street.as_str(), ward.as_str()), ("Ung Văn Khiêm", "phường 25"));
    assert_eq!(parts("hẻm 47 Quốc Hương bị ngập").0, "hẻm 47 Quốc Hương");
}

#[test]
fn a_street_of_the_list_needs_no_type_word_where_it_is_capitalised_or_led_to_and_its_tones_agree() {
    assert_eq!(
        parts("Chó thả rông trên Lũy Bán Bích cắn người").0,
        "Lũy Bán Bích"
    );
    assert_eq!(parts("gan nga ba khuc luy ban bich xe dau kin").0, "luy ban bich");
    assert_eq!(parts("số nhà 7 Thành Thái P14 Q10").0, "Thành Thái");
    assert_eq!(parts("chợ khúc Dương Văn Cam lại thành sông").0, "Dương Văn Cam");
    let (street, ward, ..) = parts("chung cư đường Tạ Quang Bửu, Chánh Hưng, khói");
    assert_eq!((street.as_str(), ward.as_str()), ("Tạ Quang Bửu", "Chánh Hưng"));
    assert_eq!(parts("hai bà trưng ra mấy tờ giấy").0, "");
    assert_eq!(parts("hem 5 Bau Cat tan binh").2, "tan binh");
    assert_eq!(parts("nhà bé xíu mà đóng thuế").2, "");
    assert_eq!(
        parts("phường 21, Bình Thạnh").1,
        "phường 21",
        "a number that went with a merger"
    );
}

#[test]
fn a_numbered_ward_without_a_district_is_many_places_and_an_unknown_name_is_none() {
    assert!(parts("ngập ở phường 1").3.len() > 5);
    assert_eq!(parts("ngập ở phường Không Có Thật").1, "");
    assert_eq!(parts("").3, Vec::<u32>::new());
}

#[test]
fn a_ward_needs_no_type_word_behind_a_word_like_in_or_behind_a_numbered_street() {
    assert_eq!(parts("Bà Kim ở Lái Thiêu hỏi thủ tục").1, "Lái Thiêu");
    assert_eq!(parts("cup dien tu 8h, kp4 An Phu Dong").1, "An Phu Dong");
    let (street, ward, ..) = parts("Tru den duong so 8 Linh Xuan chop tat");
    assert_eq!((street.as_str(), ward.as_str()), ("duong so 8", "Linh Xuan"));
    assert_eq!(parts("hẻm 76 Tân Sơn Nhì hát từ trưa").0, "hẻm 76 Tân Sơn Nhì");
    assert_eq!(parts("loa keo hem 330 p binh tri dong a").1, "p binh tri dong a");
    assert_eq!(parts("nhà 9 duong Pham Ngu Lao GV mat den").2, "GV");
    assert_eq!(parts("GV chủ nhiệm thu tiền").2, "");
}

#[test]
fn a_crossing_is_named_by_its_street_or_else_by_itself_and_numbers_belong_to_roads() {
    assert_eq!(parts("kẹt xe ngã tư Võ Văn Ngân").0, "Võ Văn Ngân");
    assert_eq!(parts("kẹt xe vòng xoay Lăng Cha Cả").0, "vòng xoay Lăng Cha Cả");
    assert_eq!(parts("ngập cầu vượt Linh Xuân sáng nay").0, "cầu vượt Linh Xuân");
    assert_eq!(parts("ngập đường Tỉnh lộ 43, phường Tam Bình").0, "Tỉnh lộ 43");
    assert_eq!(
        parts("hố trên đường Liên khu 4-5, phường Bình Tân").0,
        "Liên khu 4-5"
    );
}
