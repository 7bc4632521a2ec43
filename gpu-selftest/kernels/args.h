/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each kernel is given: one struct by value. The same layout on the host and on the device
 * (64-bit pointers, natural alignment), so pointers are device addresses on the host's side.
 */
#ifndef GPUCLOUD_SELFTEST_ARGS_H
#define GPUCLOUD_SELFTEST_ARGS_H

/* Memory is written and checked in units of 16 bytes; a block takes one tile of them. */
#define MEM_TILE_UNITS 2048u

/* What a check found. The fields of bits are only counted for the first MEM_DETAIL bad words. */
#define MEM_DETAIL 65536u
struct mem_stats {
	unsigned long long bad;	      /* 64-bit words that were wrong */
	unsigned long long soft;      /* of these, right when read again */
	unsigned long long first;     /* lowest word index that was wrong */
	unsigned long long last;      /* highest */
	unsigned long long flips_or;  /* OR of all (read xor expected) */
	unsigned long long flips_and; /* AND of them */
	unsigned long long bits[64];  /* how often each bit was wrong */
};

struct mem_args {
	void *data;
	unsigned long long units; /* in this chunk */
	unsigned long long base;  /* index of its first unit in the whole tested set */
	/* a word is (hash(seed, unit) & mask) ^ flip ^ (walking bit & walk) */
	unsigned long long seed, mask, flip, walk;
	struct mem_stats *stats;
	unsigned stride; /* block i checks tile i * stride mod blocks; blocks * stride < 2^32 */
};

/*
 * write: word i becomes i * seed, which has a sum in closed form; read: partial[block] gets the sum
 * of the block's words; copy: from data to to.
 */
struct bandwidth_args {
	void *data;
	void *to;
	unsigned long long units;
	unsigned long long seed;
	unsigned long long *partial;
};

/* C = A B, row major; rows and columns multiples of 128, depth of 8. */
#define PRODUCT_TILE 128u
#define PRODUCT_SLAB 8u
struct product_args {
	const float *a;
	const float *b;
	float *c;
	unsigned rows, columns, depth;
};

struct fill_args {
	float *out;
	unsigned long long count;
	unsigned seed;
};

/* Sums of an integer-valued matrix. bad counts what is not an integer within +-limit (or NaN). */
#define SUM_ROWS 128u
struct sum_args {
	const float *c;
	long long *sums; /* by row: [rows]; by column: [rows / SUM_ROWS][columns] */
	unsigned long long *bad;
	unsigned rows, columns;
	float limit;
};

/*
 * The network. A batch is LENET_BATCH samples, innermost everywhere: x[channel][y][x][sample]. One
 * item is LENET_LANES neighbouring samples of one value.
 */
#define LENET_BATCH  64u
#define LENET_LANES  8u
#define LENET_GROUPS (LENET_BATCH / LENET_LANES)

/* Square convolution; a fully connected layer is one whose kernel is as large as its input. */
struct layer_args {
	const float *in;      /* [channels][size][size][batch] */
	const float *weights; /* [outputs][channels][kernel][kernel], then [outputs] biases */
	const float *grad;    /* of the outputs, for the backward kernels */
	float *out;
	unsigned channels, size, kernel, outputs;
	unsigned items;
};

/* ReLU, then the mean over pool x pool (1 or 2). */
struct activate_args {
	const float *in; /* before ReLU: [channels][size][size][batch] */
	const float *grad;
	float *out;
	unsigned channels, size, pool;
	unsigned items;
};

struct loss_args {
	const float *logits; /* [10][batch]; of sigmoid_loss [1][batch] */
	const int *labels;   /* [batch] */
	float *grad;
	float *loss; /* [batch] */
};

struct adam_args {
	const float *partial; /* [count][rows] */
	float *weights, *mean, *square;
	unsigned count, rows;
	float rate; /* with the correction for the first steps in it */
};

#endif
