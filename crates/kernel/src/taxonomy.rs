//! The words every service shares about a report: field, topic, kind, urgency, level, channel, office, destination, and on
//! which ground it is erased. Codes are
//! stable, lower snake case (the labelling guide of the project); what people see stands beside the code in both languages.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A list of codes that is serialised as such and has the names people see.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($variant:ident = $code:literal, $vi:literal, $en:literal;)+ }) => {
        crate::words!(
            $(#[$doc])*
            #[derive(Serialize, Deserialize, JsonSchema)]
            $name, $what { $(#[doc = $en] #[serde(rename = $code)] $variant = $code;)+ }
        );

        impl $name {
            /// The Vietnamese name, as people see it.
            #[must_use]
            pub const fn vi(self) -> &'static str {
                match self { $(Self::$variant => $vi,)+ }
            }

            /// The English name.
            #[must_use]
            pub const fn en(self) -> &'static str {
                match self { $(Self::$variant => $en,)+ }
            }
        }
    };
}

codes!(
    /// By which channel a report came.
    Channel, "channel" {
        Phone = "phone", "Điện thoại", "Phone";
        Sms = "sms", "Tin nhắn", "SMS";
        Email = "email", "Thư điện tử", "E-mail";
        Web = "web", "Trang web", "Web";
    }
);

codes!(
    /// The two fields into which the hotline sorts.
    Field, "field" {
        StateManagement = "state_management", "Quản lý Nhà nước", "State management";
        PartyBuilding = "party_building", "Xây dựng Đảng", "Party building";
    }
);

codes!(
    /// What a report is about.
    Topic, "topic" {
        Traffic = "traffic", "Giao thông", "Traffic";
        Roads = "roads", "Hạ tầng đường", "Roads";
        Flooding = "flooding", "Ngập nước, thoát nước", "Flooding and drainage";
        Pollution = "pollution", "Ô nhiễm môi trường", "Pollution";
        Security = "security", "An ninh trật tự", "Security and order";
        UrbanOrder = "urban_order", "Trật tự đô thị", "Urban order";
        Construction = "construction", "Xây dựng", "Construction";
        LandHousing = "land_housing", "Đất đai, nhà ở", "Land and housing";
        ElectricityLighting = "electricity_lighting", "Điện, chiếu sáng", "Electricity and lighting";
        WaterSupply = "water_supply", "Cấp nước", "Water supply";
        PublicTransport = "public_transport", "Xe buýt, metro", "Public transport";
        TreesParks = "trees_parks", "Cây xanh, công viên", "Trees and parks";
        FireSafety = "fire_safety", "Phòng cháy chữa cháy", "Fire safety";
        FoodSafety = "food_safety", "An toàn thực phẩm", "Food safety";
        Health = "health", "Y tế", "Health";
        Education = "education", "Giáo dục", "Education";
        SocialWelfare = "social_welfare", "An sinh, lao động", "Social welfare and labour";
        Procedures = "procedures", "Thủ tục hành chính", "Administrative procedures";
        OfficialConduct = "official_conduct", "Thái độ công chức", "Conduct of officials";
        Market = "market", "Kinh doanh, giá cả, lừa đảo", "Market, prices and fraud";
        Telecom = "telecom", "Viễn thông, thông tin", "Telecommunications";
        CultureTourism = "culture_tourism", "Văn hóa, quảng cáo, du lịch", "Culture, advertising and tourism";
        OtherState = "other_state", "Khác (Nhà nước)", "Other (State)";
        PartyOrganisation = "party_organisation", "Tổ chức đảng, sinh hoạt chi bộ", "Party organisation";
        CadreConduct = "cadre_conduct", "Phẩm chất cán bộ, đảng viên", "Conduct of cadres and members";
        Corruption = "corruption", "Tham nhũng, lãng phí, tiêu cực", "Corruption and waste";
        Personnel = "personnel", "Công tác cán bộ", "Personnel";
        Ideology = "ideology", "Tư tưởng, tuyên giáo", "Ideology";
        MassMobilisation = "mass_mobilisation", "Dân vận, mặt trận, đoàn thể", "Mass mobilisation";
        PartyPolicy = "party_policy", "Góp ý chủ trương, nghị quyết", "Party policy";
        OtherParty = "other_party", "Khác (Đảng)", "Other (Party)";
    }
);

codes!(
    /// What a report is in law.
    Kind, "kind" {
        Reflection = "reflection", "Phản ánh, kiến nghị", "Reflection or petition";
        Complaint = "complaint", "Khiếu nại", "Complaint";
        Denunciation = "denunciation", "Tố cáo", "Denunciation";
        CrimeReport = "crime_report", "Tin báo tội phạm", "Crime report";
        Suggestion = "suggestion", "Góp ý, hiến kế", "Suggestion";
        Question = "question", "Hỏi đáp", "Question";
        Thanks = "thanks", "Cảm ơn", "Thanks";
        Emergency = "emergency", "Khẩn cấp", "Emergency";
        NotAReport = "not_a_report", "Không phải phản ánh", "Not a report";
        Unclear = "unclear", "Chưa rõ", "Unclear";
    }
);

codes!(
    /// How soon harm comes.
    Urgency, "urgency" {
        Emergency = "emergency", "Nguy hiểm tính mạng", "Life in danger";
        Urgent = "urgent", "Gấp", "Urgent";
        Normal = "normal", "Bình thường", "Normal";
    }
);

codes!(
    /// The two offices that handle what was received.
    Office, "office" {
        PartyCommittee = "vp_tu", "Văn phòng Thành ủy", "Party Committee Office";
        PeoplesCommittee = "vp_ubnd", "Văn phòng UBND Thành phố", "People's Committee Office";
    }
);

codes!(
    /// Where a report comes to rest first, by its level and kind.
    Destination, "destination" {
        Desk = "desk", "Bàn trực tổng đài", "Operators' desk";
        Office = "office", "Văn phòng", "Handling office";
        Unit = "unit", "Đơn vị", "Unit";
        Review = "review", "Chờ người xét", "Review by a person";
        Police = "police", "Công an", "Police";
        None = "none", "Không chuyển", "Nowhere";
    }
);

codes!(
    /// On which legal ground what a person said is erased (Law 91/2025/QH15 on personal data, Decree 356/2025).
    ErasureBasis, "basis" {
        SubjectRequest = "subject_request", "theo yêu cầu của chủ thể dữ liệu", "the person asked for it";
        ConsentWithdrawn = "consent_withdrawn", "rút lại sự đồng ý", "consent was withdrawn";
        PurposeFulfilled = "purpose_fulfilled", "đã hoàn thành mục đích xử lý", "its purpose is fulfilled";
        RetentionExpired = "retention_expired", "hết thời hạn lưu trữ", "its term of keeping is over";
        UnlawfulProcessing = "unlawful_processing", "xử lý trái quy định", "it was processed unlawfully";
        CourtOrder = "court_order", "theo quyết định của cơ quan có thẩm quyền", "a competent authority ordered it";
    }
);

impl Office {
    /// The other of the two.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::PartyCommittee => Self::PeoplesCommittee,
            Self::PeoplesCommittee => Self::PartyCommittee,
        }
    }

    /// The field whose reports it handles.
    #[must_use]
    pub const fn field(self) -> Field {
        match self {
            Self::PartyCommittee => Field::PartyBuilding,
            Self::PeoplesCommittee => Field::StateManagement,
        }
    }
}

impl Topic {
    /// The field a topic belongs to.
    #[must_use]
    pub const fn field(self) -> Field {
        match self {
            Self::PartyOrganisation
            | Self::CadreConduct
            | Self::Corruption
            | Self::Personnel
            | Self::Ideology
            | Self::MassMobilisation
            | Self::PartyPolicy
            | Self::OtherParty => Field::PartyBuilding,
            _ => Field::StateManagement,
        }
    }
}

/// The level of the answer, 1 to 5 (from guiding the caller at once to letters of thanks).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u8", into = "u8")]
pub struct Level(#[schemars(range(min = 1, max = 5))] u8);

/// A level outside 1 to 5.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a level is 1, 2, 3, 4 or 5, not {0}")]
pub struct BadLevel(pub u8);

impl Level {
    /// The operator guides the caller at once.
    pub const ONE: Self = Self(1);
    /// Straight to the head of each unit concerned; an answer now, and again with the result.
    pub const TWO: Self = Self(2);
    /// The city's leaders are asked first.
    pub const THREE: Self = Self(3);
    /// Verification, and a dialogue with those who registered.
    pub const FOUR: Self = Self(4);
    /// Proposals studied; a letter of thanks.
    pub const FIVE: Self = Self(5);

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Level {
    type Error = BadLevel;
    fn try_from(value: u8) -> Result<Self, BadLevel> {
        if (1..=5).contains(&value) {
            Ok(Self(value))
        } else {
            Err(BadLevel(value))
        }
    }
}

impl From<Level> for u8 {
    fn from(level: Level) -> Self {
        level.0
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
