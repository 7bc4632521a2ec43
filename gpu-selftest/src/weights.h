/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trained weights as a file. Everything is little-endian:
 *
 *	offset	bytes
 *	0	8	"GPUCWTS1"
 *	8	4	the network: 1 lenet, 2 predictor
 *	12	4	how many layers
 *	16	16 each	a layer's channels, size, kernel, outputs
 *	then	8	how many numbers follow
 *	then	4 each	binary32 numbers, layer after layer: [output][channel][y][x], then a bias
 *			for each output
 *
 * and nothing behind. A file says nothing that its network does not say, so one that differs in
 * any of it is refused, and so is a number that is none.
 */
#ifndef GPUCLOUD_SELFTEST_WEIGHTS_H
#define GPUCLOUD_SELFTEST_WEIGHTS_H

#include <stddef.h>

#include "gpu-selftest/src/net.h"

size_t weights_bytes(const struct model *m);
/* Writes weights_bytes() of them. */
void weights_encode(const struct model *m, const float *weights, unsigned char *bytes);
/* -1 with a sentence. */
int weights_decode(const struct model *m, const unsigned char *bytes, size_t length, float *weights,
		   char *error, size_t size);

/* From a file; the sentence of a refusal names it. sha256 becomes that of the file. */
int weights_read(const struct model *m, const char *path, float *weights, char sha256[65],
		 char *error, size_t size);

#endif
