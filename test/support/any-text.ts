import fc from 'fast-check'

/** Halves of pairs (surrogates), which are no characters. */
const [FIRST_HALF, HALVES] = [0xd8_00, 0x8_00]

/** Any character, as the unit of a text: fast-check's own `binary` without the table of all 1.1 million of them that it makes first, which takes seconds. */
export const anyCharacter: fc.Arbitrary<string> = fc.nat({max: 0x10_ff_ff - HALVES}).map(
  (index) => String.fromCodePoint(index < FIRST_HALF ? index : index + HALVES),
  (character) => {
    const number = typeof character === 'string' && character.isWellFormed() ? (character.codePointAt(0) ?? -1) : -1
    if (number < 0 || String.fromCodePoint(number) !== character) throw new TypeError('not one character')
    return number < FIRST_HALF ? number : number - HALVES
  },
)
