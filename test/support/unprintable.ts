/** What may stand in no line that people read: control characters but the tab, separators of lines, marks that turn the text, half characters. */
export const UNPRINTABLE = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Surrogate}/u
