//! Web pages for people, and the directory of people, roles, units and credentials.
