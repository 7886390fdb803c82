//! The words around the names of streets and units.

/// Words before a street's name that is not capitalised and has no type word.
pub(super) const BEFORE_A_STREET: [&str; 22] = [
    "tren", "o", "tai", "khuc", "doan", "goc", "ra", "toi", "gan", "nha", "cho", "ngay", "ben", "khu", "dau",
    "cuoi", "hem", "duong", "dg", "mt", "so", "ve",
];

/// Words before a crossing's name, which is part of it unless a street's name follows ("ngã tư Bảy Hiền").
pub(super) const CROSSINGS: [&str; 4] = ["nga tu", "nga ba", "vong xoay", "giao lo"];
/// Words before a ward's name that has no type word.
pub(super) const BEFORE_A_WARD: [&str; 9] = ["o", "tai", "ve", "doan", "thuoc", "ap", "khu", "cu", "qua"];
/// How people shorten a district right behind a street or a ward.
pub(super) const SHORT_DISTRICTS: [(&str, u16); 6] = [
    ("GV", 764),
    ("NB", 786),
    ("PN", 768),
    ("HM", 784),
    ("BC", 785),
    ("TB", 766),
];

/// No ward of any district ever had a higher number.
pub(super) const MOST_NUMBER: u32 = 28;

pub(super) const WARD_WORDS: [&str; 6] = ["phuong", "p", "f", "xa", "x", "dac khu"];
pub(super) const DISTRICT_WORDS: [&str; 6] = ["quan", "q", "huyen", "h", "tp", "thanh pho"];
pub(super) const STREET_WORDS: [&str; 14] = [
    "duong",
    "dg",
    "hem",
    "dai lo",
    "nga tu",
    "nga ba",
    "vong xoay",
    "giao lo",
    "cau vuot",
    "ham chui",
    "cau",
    "kenh",
    "rach",
    "cong vien",
];
/// Street words that are part of the name ("hẻm 47 Quốc Hương", "cầu Sài Gòn"), where "đường" is not.
pub(super) const NAMED_WITH: [&str; 7] = ["hem", "cau vuot", "ham chui", "cau", "kenh", "rach", "cong vien"];
/// Words no street name holds: a phrase ends before them.
pub(super) const STOP: [&str; 58] = [
    "bi", "co", "dang", "ngap", "hu", "tat", "cho", "doan", "gan", "truoc", "sau", "thuoc", "o", "tai", "va",
    "la", "nha", "xe", "den", "tu", "toi", "khu", "dan", "roi", "nay", "qua", "lai", "cua", "phan", "nguoi",
    "chua", "khong", "ko", "k", "may", "day", "di", "ra", "vo", "vao", "len", "xuong", "lam", "mat", "vi",
    "thi", "nua", "luc", "hom", "moi", "ngay", "khuc", "phuong", "quan", "p", "q", "xa", "huyen",
];
