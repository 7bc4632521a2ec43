/* SPDX-License-Identifier: Apache-2.0 */
/* Every kernel, once: X(name, type of its argument). */
#ifndef GPUCLOUD_SELFTEST_LIST_H
#define GPUCLOUD_SELFTEST_LIST_H

#define KERNELS_TRAIN(X)                    \
	X(layer_forward, layer_args)        \
	X(layer_grad_data, layer_args)      \
	X(layer_grad_weights, layer_args)   \
	X(activate_forward, activate_args)  \
	X(activate_backward, activate_args) \
	X(softmax_loss, loss_args)          \
	X(sigmoid_loss, loss_args)          \
	X(adam_step, adam_args)

#define KERNELS_OTHER(X)                   \
	X(mem_fill, mem_args)              \
	X(mem_check, mem_args)             \
	X(bandwidth_read, bandwidth_args)  \
	X(bandwidth_write, bandwidth_args) \
	X(bandwidth_copy, bandwidth_args)  \
	X(product_fill, fill_args)         \
	X(product_f32, product_args)       \
	X(sum_rows, sum_args)              \
	X(sum_columns, sum_args)

#define KERNEL_ENUM(name, type) K_##name,
enum kernel {
	KERNELS_TRAIN(KERNEL_ENUM) KERNELS_OTHER(KERNEL_ENUM) KERNEL_COUNT
};
#undef KERNEL_ENUM

#endif
