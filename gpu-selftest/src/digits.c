/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/digits.h"

#define GLYPH_W 5
#define GLYPH_H 7
#define SCALE	3

/* five bits a row, the leftmost highest */
static const unsigned char glyphs[10][GLYPH_H] = {
	{ 0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e }, { 0x04, 0x0c, 0x14, 0x04, 0x04, 0x04, 0x1f },
	{ 0x0e, 0x11, 0x01, 0x06, 0x08, 0x10, 0x1f }, { 0x0e, 0x11, 0x01, 0x06, 0x01, 0x11, 0x0e },
	{ 0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02 }, { 0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e },
	{ 0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e }, { 0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08 },
	{ 0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e }, { 0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c },
};

uint64_t digits_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* lowest..highest */
static int between(uint64_t *state, int lowest, int highest)
{
	return lowest + (int)(digits_next(state) >> 33) % (highest - lowest + 1);
}

int digits_make(uint64_t sample, float pixels[DIGITS_PIXELS])
{
	uint64_t state = sample * 0xd1342543de82ef95u + 20261123;
	int digit = between(&state, 0, 9);
	int left = between(&state, 3, 10), top = between(&state, 1, 6);
	int slant = between(&state, -2, 2), ink = between(&state, 110, 220);
	for (int y = 0; y < (int)DIGITS_EDGE; y++) {
		int row = y - top, shift = (row - SCALE * GLYPH_H / 2) * slant / 8;
		for (int x = 0; x < (int)DIGITS_EDGE; x++) {
			int column = x - left + shift, value = between(&state, 0, 79);
			if (row >= 0 && row < SCALE * GLYPH_H && column >= 0 &&
			    column < SCALE * GLYPH_W &&
			    (glyphs[digit][row / SCALE] >> (GLYPH_W - 1 - column / SCALE) & 1))
				value += ink;
			/* exact: small integers, a power of two */
			pixels[(unsigned)y * DIGITS_EDGE + (unsigned)x] =
				(float)(value - 64) / 128.0f;
		}
	}
	return digit;
}
