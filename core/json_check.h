/* SPDX-License-Identifier: Apache-2.0 */
/* Inside core/json: the grammar, checked before cJSON, which is lenient, sees a byte of it. */
#ifndef GPUCLOUD_CORE_JSON_CHECK_H
#define GPUCLOUD_CORE_JSON_CHECK_H

#include <stddef.h>

/* NULL when text is what core/json.h promises; else what is wrong, and *at says where. */
const char *json_check(const char *text, size_t len, size_t *at);

#endif
