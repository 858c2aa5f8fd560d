//! The canonical names of zones that have several names: the targets of the database's links.

/// The canonical name of each zone with several names.
///
/// Never remove or replace a name, even if the database makes it a link, because counts are stored
/// under it. Add a zone when it gets its first link. A test then fails and shows the zone.
#[rustfmt::skip]
pub(super) const CANONICAL: [&str; 110] = [
    "Africa/Abidjan", "Africa/Cairo", "Africa/Johannesburg", "Africa/Lagos", "Africa/Maputo",
    "Africa/Nairobi", "Africa/Tripoli", "America/Adak", "America/Anchorage",
    "America/Argentina/Buenos_Aires", "America/Argentina/Catamarca", "America/Argentina/Cordoba",
    "America/Argentina/Jujuy", "America/Argentina/Mendoza", "America/Chicago", "America/Denver",
    "America/Detroit", "America/Edmonton", "America/Halifax", "America/Havana",
    "America/Indiana/Indianapolis", "America/Indiana/Knox", "America/Iqaluit", "America/Jamaica",
    "America/Kentucky/Louisville", "America/Los_Angeles", "America/Manaus", "America/Mazatlan",
    "America/Mexico_City", "America/New_York", "America/Noronha", "America/Nuuk", "America/Panama",
    "America/Phoenix", "America/Puerto_Rico", "America/Regina", "America/Rio_Branco",
    "America/Santiago", "America/Sao_Paulo", "America/St_Johns", "America/Tijuana",
    "America/Toronto", "America/Vancouver", "America/Whitehorse", "America/Winnipeg",
    "Asia/Ashgabat", "Asia/Bangkok", "Asia/Dhaka", "Asia/Dubai", "Asia/Ho_Chi_Minh",
    "Asia/Hong_Kong", "Asia/Jerusalem", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Kuching",
    "Asia/Macau", "Asia/Makassar", "Asia/Nicosia", "Asia/Qatar", "Asia/Riyadh", "Asia/Seoul",
    "Asia/Shanghai", "Asia/Singapore", "Asia/Taipei", "Asia/Tehran", "Asia/Thimphu", "Asia/Tokyo",
    "Asia/Ulaanbaatar", "Asia/Urumqi", "Asia/Yangon", "Atlantic/Faroe", "Australia/Adelaide",
    "Australia/Brisbane", "Australia/Broken_Hill", "Australia/Darwin", "Australia/Hobart",
    "Australia/Lord_Howe", "Australia/Melbourne", "Australia/Perth", "Australia/Sydney",
    "Europe/Athens", "Europe/Belgrade", "Europe/Berlin", "Europe/Brussels", "Europe/Chisinau",
    "Europe/Dublin", "Europe/Helsinki", "Europe/Istanbul", "Europe/Kyiv", "Europe/Lisbon",
    "Europe/London", "Europe/Moscow", "Europe/Paris", "Europe/Prague", "Europe/Rome",
    "Europe/Warsaw", "Europe/Zurich", "Indian/Maldives", "Pacific/Auckland", "Pacific/Chatham",
    "Pacific/Easter", "Pacific/Guadalcanal", "Pacific/Guam", "Pacific/Honolulu", "Pacific/Kanton",
    "Pacific/Kwajalein", "Pacific/Pago_Pago", "Pacific/Port_Moresby", "Pacific/Tarawa", "UTC",
];
