//! Vietnamese calendar and working time, phone numbers, text folding and administrative units.
