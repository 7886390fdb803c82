//! Names the office and units for a case and puts it before them; hears what they answer.
