/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a small convolutional network, forward and backward, and Adam. Every sum has one
 * fixed order, so that a K80, a B200 and a CPU end with the same bits.
 */
#include "gpu-selftest/kernels/args.h"
#include "gpu-selftest/kernels/portable.h"

#define ITEM (BLOCK * THREADS + tid)

/* LANES sums side by side, then a tree of fixed shape. */
DEVICE float lanes_sum(const float *v)
{
	return ADD(ADD(ADD(v[0], v[4]), ADD(v[2], v[6])), ADD(ADD(v[1], v[5]), ADD(v[3], v[7])));
}

KERNEL(layer_forward, layer_args)
{
	unsigned size = ARG(size), kernel = ARG(kernel), m = size - kernel + 1;
	FOR_THREADS
	{
		unsigned item = ITEM;
		if (item < ARG(items)) {
			unsigned group = item % LENET_GROUPS, at = item / LENET_GROUPS;
			unsigned x = at % m, y = at / m % m, o = at / m / m;
			const float *w = ARG(weights) + o * ARG(channels) * kernel * kernel;
			float bias = ARG(weights)[ARG(outputs) * ARG(channels) * kernel * kernel +
						  o];
			float acc[LENET_LANES];
			for (unsigned j = 0; j < LENET_LANES; j++)
				acc[j] = bias;
			for (unsigned c = 0; c < ARG(channels); c++) {
				for (unsigned ky = 0; ky < kernel; ky++) {
					const float *in = ARG(in) + group * LENET_LANES +
							  ((c * size + y + ky) * size + x) *
								  LENET_BATCH;
					for (unsigned kx = 0; kx < kernel; kx++) {
						float wk = *w++;
						for (unsigned j = 0; j < LENET_LANES; j++)
							acc[j] = FMA(wk, in[j], acc[j]);
						in += LENET_BATCH;
					}
				}
			}
			float *out = ARG(out) + at * LENET_BATCH + group * LENET_LANES;
			for (unsigned j = 0; j < LENET_LANES; j++)
				out[j] = acc[j];
		}
	}
	SYNC();
}

/* Into each input flows what it sent out: all outputs whose window holds it. */
KERNEL(layer_grad_data, layer_args)
{
	unsigned size = ARG(size), kernel = ARG(kernel), m = size - kernel + 1;
	FOR_THREADS
	{
		unsigned item = ITEM;
		if (item < ARG(items)) {
			unsigned group = item % LENET_GROUPS, at = item / LENET_GROUPS;
			unsigned x = at % size, y = at / size % size, c = at / size / size;
			float acc[LENET_LANES];
			for (unsigned j = 0; j < LENET_LANES; j++)
				acc[j] = 0.0f;
			for (unsigned o = 0; o < ARG(outputs); o++) {
				const float *w = ARG(weights) +
						 (o * ARG(channels) + c) * kernel * kernel;
				for (unsigned ky = 0; ky < kernel; ky++) {
					/* wraps to a huge number where the window is outside */
					if (y - ky >= m)
						continue;
					for (unsigned kx = 0; kx < kernel; kx++) {
						if (x - kx >= m)
							continue;
						const float *grad =
							ARG(grad) + group * LENET_LANES +
							((o * m + y - ky) * m + x - kx) *
								LENET_BATCH;
						float wk = w[ky * kernel + kx];
						for (unsigned j = 0; j < LENET_LANES; j++)
							acc[j] = FMA(wk, grad[j], acc[j]);
					}
				}
			}
			float *out = ARG(out) + at * LENET_BATCH + group * LENET_LANES;
			for (unsigned j = 0; j < LENET_LANES; j++)
				out[j] = acc[j];
		}
	}
	SYNC();
}

/* out[weight][row of the output], to be added up by adam_step; the biases follow the weights. */
KERNEL(layer_grad_weights, layer_args)
{
	unsigned size = ARG(size), kernel = ARG(kernel), m = size - kernel + 1;
	unsigned window = kernel * kernel, weights = ARG(outputs) * ARG(channels) * window;
	FOR_THREADS
	{
		unsigned item = ITEM;
		if (item < ARG(items)) {
			unsigned y = item % m, index = item / m;
			unsigned k = index % window, c = index / window % ARG(channels);
			unsigned o = index < weights ? index / window / ARG(channels)
						     : index - weights;
			const float *grad = ARG(grad) + (o * m + y) * m * LENET_BATCH;
			const float *in = ARG(in) + ((c * size + y + k / kernel) * size +
						     k % kernel) *
							    LENET_BATCH;
			float acc[LENET_LANES];
			for (unsigned j = 0; j < LENET_LANES; j++)
				acc[j] = 0.0f;
			if (index < weights) {
				for (unsigned i = 0; i < m * LENET_BATCH; i += LENET_LANES)
					for (unsigned j = 0; j < LENET_LANES; j++)
						acc[j] = FMA(grad[i + j], in[i + j], acc[j]);
			} else {
				for (unsigned i = 0; i < m * LENET_BATCH; i += LENET_LANES)
					for (unsigned j = 0; j < LENET_LANES; j++)
						acc[j] = ADD(acc[j], grad[i + j]);
			}
			ARG(out)[item] = lanes_sum(acc);
		}
	}
	SYNC();
}

DEVICE float relu(float v)
{
	return v > 0.0f ? v : 0.0f;
}

KERNEL(activate_forward, activate_args)
{
	unsigned size = ARG(size), m = size / ARG(pool);
	FOR_THREADS
	{
		unsigned item = ITEM;
		if (item < ARG(items)) {
			unsigned s = item % LENET_BATCH, at = item / LENET_BATCH;
			unsigned x = at % m, y = at / m % m, c = at / m / m;
			if (ARG(pool) == 1) {
				ARG(out)[item] = relu(ARG(in)[item]);
			} else {
				const float *in =
					ARG(in) +
					((c * size + 2 * y) * size + 2 * x) * LENET_BATCH + s;
				unsigned down = size * LENET_BATCH;
				float top = ADD(relu(in[0]), relu(in[LENET_BATCH]));
				float low = ADD(relu(in[down]), relu(in[down + LENET_BATCH]));
				ARG(out)[item] = MUL(ADD(top, low), 0.25f);
			}
		}
	}
	SYNC();
}

KERNEL(activate_backward, activate_args)
{
	unsigned size = ARG(size), pool = ARG(pool), m = size / pool;
	float share = pool == 1 ? 1.0f : 0.25f;
	FOR_THREADS
	{
		unsigned item = ITEM;
		if (item < ARG(items)) {
			unsigned s = item % LENET_BATCH, at = item / LENET_BATCH;
			unsigned x = at % size / pool, y = at / size % size / pool;
			unsigned c = at / size / size;
			float grad = ARG(grad)[((c * m + y) * m + x) * LENET_BATCH + s];
			ARG(out)[item] = ARG(in)[item] > 0.0f ? MUL(grad, share) : 0.0f;
		}
	}
	SYNC();
}

/*
 * e^x for x <= 0: x = n ln 2 + r with |r| <= ln 2 / 2, a polynomial in r, then the exponent. What is
 * no number has none; it is seen in the loss.
 */
DEVICE float exp_of(float x)
{
	if (!(x >= -80.0f))
		return 0.0f;
	float n = SUB(FMA(x, 1.44269504f, 12582912.0f), 12582912.0f);
	float r = FMA(n, -0.693145752f, x);
	r = FMA(n, -1.42860677e-6f, r);
	float p = 1.38888889e-3f;
	p = FMA(p, r, 8.33333377e-3f);
	p = FMA(p, r, 4.16666679e-2f);
	p = FMA(p, r, 0.166666672f);
	p = FMA(p, r, 0.5f);
	p = FMA(p, r, 1.0f);
	p = FMA(p, r, 1.0f);
	return MUL(p, BITS_FLOAT(((int)n + 127) << 23));
}

/* ln x for x >= 1: x = 2^e m with m in 1..2, ln m = 2 artanh((m - 1) / (m + 1)). */
DEVICE float log_of(float x)
{
	int bits = FLOAT_BITS(x);
	float e = (float)((bits >> 23) - 127);
	float m = BITS_FLOAT((bits & 0x7fffff) | 0x3f800000);
	float t = DIV(SUB(m, 1.0f), ADD(m, 1.0f));
	float t2 = MUL(t, t);
	float p = 0.111111112f;
	p = FMA(p, t2, 0.142857149f);
	p = FMA(p, t2, 0.200000003f);
	p = FMA(p, t2, 0.333333343f);
	p = FMA(p, t2, 1.0f);
	return FMA(e, 0.693147182f, MUL(MUL(2.0f, t), p));
}

KERNEL(softmax_loss, loss_args)
{
	FOR_THREADS
	{
		unsigned s = ITEM;
		if (s < LENET_BATCH) {
			const float *z = ARG(logits) + s;
			float top = z[0], sum = 0.0f;
			KEEP_LOOP
			for (unsigned k = 1; k < 10; k++)
				top = z[k * LENET_BATCH] > top ? z[k * LENET_BATCH] : top;
			KEEP_LOOP
			for (unsigned k = 0; k < 10; k++)
				sum = ADD(sum, exp_of(SUB(z[k * LENET_BATCH], top)));
			unsigned label = (unsigned)ARG(labels)[s];
			KEEP_LOOP
			for (unsigned k = 0; k < 10; k++) {
				float p = DIV(exp_of(SUB(z[k * LENET_BATCH], top)), sum);
				p = k == label ? SUB(p, 1.0f) : p;
				ARG(grad)[k * LENET_BATCH + s] = MUL(p, 1.0f / LENET_BATCH);
			}
			ARG(loss)[s] = SUB(log_of(sum), SUB(z[label * LENET_BATCH], top));
		}
	}
	SYNC();
}

/* One logit a sample; a label other than 0 stands for 1. */
KERNEL(sigmoid_loss, loss_args)
{
	FOR_THREADS
	{
		unsigned s = ITEM;
		if (s < LENET_BATCH) {
			float z = ARG(logits)[s], label = ARG(labels)[s] != 0 ? 1.0f : 0.0f;
			float e = exp_of(z < 0.0f ? z : -z);
			float p = DIV(z < 0.0f ? e : 1.0f, ADD(1.0f, e));
			ARG(grad)[s] = MUL(SUB(p, label), 1.0f / LENET_BATCH);
			ARG(loss)[s] = ADD(SUB(relu(z), MUL(z, label)), log_of(ADD(1.0f, e)));
		}
	}
	SYNC();
}

KERNEL(adam_step, adam_args)
{
	FOR_THREADS
	{
		unsigned i = ITEM;
		if (i < ARG(count)) {
			float grad = 0.0f;
			for (unsigned y = 0; y < ARG(rows); y++)
				grad = ADD(grad, ARG(partial)[i * ARG(rows) + y]);
			float mean = FMA(0.9f, ARG(mean)[i], MUL(0.1f, grad));
			float square = FMA(0.99f, ARG(square)[i], MUL(0.01f, MUL(grad, grad)));
			ARG(mean)[i] = mean;
			ARG(square)[i] = square;
			float step = DIV(mean, ADD(SQRT(square), 1e-6f));
			ARG(weights)[i] = FMA(-ARG(rate), step, ARG(weights)[i]);
		}
	}
	SYNC();
}
