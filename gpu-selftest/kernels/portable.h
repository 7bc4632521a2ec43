/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One kernel source, two compilers. Under nvcc these words are CUDA; under gcc each kernel becomes
 * a function that runs one block, its threads one after the other. That works because a kernel is
 * written as phases: everything a thread does stands inside FOR_THREADS, phases are parted by
 * SYNC(), and what a thread keeps from one phase to the next is declared with PER_THREAD.
 *
 * Arithmetic that must give the same bits on every machine uses FMA, ADD, MUL, DIV and SQRT only:
 * IEEE 754 operations rounded to nearest, which nvcc may not fuse and gcc does not under
 * -ffp-contract=off.
 */
#ifndef GPUCLOUD_SELFTEST_PORTABLE_H
#define GPUCLOUD_SELFTEST_PORTABLE_H

#define THREADS 256

#ifdef __CUDACC__

#define KERNEL(name, type) \
	extern "C" __global__ void __launch_bounds__(THREADS) name(const struct type a)
#define ARG(field)  (a.field)
#define ARGS	    (&a)
#define BLOCK	    (blockIdx.x)
#define BLOCKS	    (gridDim.x)
#define FOR_THREADS for (unsigned tid = threadIdx.x, once_ = 1; once_ != 0; once_ = 0)
#define SYNC()	    __syncthreads()
#define SHARED	    __shared__
#define DEVICE	    static __device__ __forceinline__
#define UNROLL	    _Pragma("unroll")
#define KEEP_LOOP   _Pragma("unroll 1")
#define RARE	    extern "C" __device__ __noinline__

#define PER_THREAD(type, name, n) type name[n]
#define MINE(name)		  (name)

#define VEC16	    ulonglong2
#define LOAD(p)	    (*(p))
#define RELOAD64(p) (*(const volatile unsigned long long *)(p))

#define FMA(x, y, z) __fmaf_rn((x), (y), (z))
#define ADD(x, y)    __fadd_rn((x), (y))
#define SUB(x, y)    __fsub_rn((x), (y))
#define MUL(x, y)    __fmul_rn((x), (y))
#define DIV(x, y)    __fdiv_rn((x), (y))
#define SQRT(x)	     __fsqrt_rn((x))
#define MAC(x, y, z) __fmaf_rn((x), (y), (z))

#define FLOAT_BITS(x) __float_as_int((x))
#define BITS_FLOAT(x) __int_as_float((x))

#define ATOMIC_ADD(p, v) atomicAdd((p), (v))
#define ATOMIC_MIN(p, v) atomicMin((p), (v))
#define ATOMIC_MAX(p, v) atomicMax((p), (v))
#define ATOMIC_AND(p, v) atomicAnd((p), (v))
#define ATOMIC_OR(p, v)	 atomicOr((p), (v))

#else

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Kernels are compiled more than once for the CPU, for its instruction sets: see kernels/cpu.c. */
#define KERNEL_CAT_(name, suffix) name##suffix
#define KERNEL_CAT(name, suffix)  KERNEL_CAT_(name, suffix)
#define KERNEL_CPU(name)	  KERNEL_CAT(name, KERNEL_SUFFIX)

#define KERNEL(name, type)                                                                 \
	static void name##_block(const struct type *a, unsigned block_, unsigned blocks_); \
	void KERNEL_CPU(name)(const void *args, unsigned block, unsigned blocks)           \
	{                                                                                  \
		name##_block((const struct type *)args, block, blocks);                    \
	}                                                                                  \
	static void name##_block(const struct type *a, unsigned block_, unsigned blocks_)
#define ARG(field)  (a->field)
#define ARGS	    (a)
#define BLOCK	    (block_)
#define BLOCKS	    (blocks_)
#define FOR_THREADS for (unsigned tid = 0; tid < THREADS; tid++)
#define SYNC()	    ((void)blocks_)
#define SHARED
#define DEVICE static inline
#define UNROLL
#define KEEP_LOOP
#define RARE static inline

#define PER_THREAD(type, name, n) type name##_all[THREADS][n]
#define MINE(name)		  (name##_all[tid])

struct vec16 {
	unsigned long long x, y;
};
#define VEC16			  struct vec16
#ifdef KERNEL_LOAD_HOOK
/* the fake driver plants read faults here */
struct vec16 KERNEL_LOAD_HOOK(const struct vec16 *p);
#define LOAD(p) KERNEL_LOAD_HOOK(p)
#else
#define LOAD(p) (*(p))
#endif
#define RELOAD64(p) (*(const volatile unsigned long long *)(p))

#define FMA(x, y, z) fmaf((x), (y), (z))
#define ADD(x, y)    ((x) + (y))
#define SUB(x, y)    ((x) - (y))
#define MUL(x, y)    ((x) * (y))
#define DIV(x, y)    ((x) / (y))
#define SQRT(x)	     sqrtf((x))
/* for sums of integers that are exact either way */
#define MAC(x, y, z) ((x) * (y) + (z))

DEVICE int FLOAT_BITS(float x)
{
	int bits;
	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

DEVICE float BITS_FLOAT(int bits)
{
	float x;
	memcpy(&x, &bits, sizeof(x));
	return x;
}

#define ATOMIC_ADD(p, v) portable_add((p), (v))
#define ATOMIC_MIN(p, v) ((void)(*(p) = *(p) < (v) ? *(p) : (v)))
#define ATOMIC_MAX(p, v) ((void)(*(p) = *(p) > (v) ? *(p) : (v)))
#define ATOMIC_AND(p, v) ((void)(*(p) &= (v)))
#define ATOMIC_OR(p, v)	 ((void)(*(p) |= (v)))

DEVICE unsigned long long portable_add(unsigned long long *p, unsigned long long v)
{
	unsigned long long before = *p;
	*p += v;
	return before;
}

#endif

#endif
