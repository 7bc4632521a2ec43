/* SPDX-License-Identifier: Apache-2.0 */
/* What start-up is measured against: a program that does nothing but initialise libcurl. */
#include <curl/curl.h>

int main(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : 1;
}
