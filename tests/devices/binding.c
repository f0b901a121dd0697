// SPDX-License-Identifier: GPL-2.0-only
/* Every allocation fails once: giving a function to the importer. */
#include "failnth.h"
#include "function.h"

static long call_bind(void)
{
	return function_try_bind();
}

CASE(binding, failnth_importer)
{
	fails_at_every_point("BIND", function_offer, call_bind, function_unbind);
	holds(!function_is_there(NULL));
}

CASE(binding, a_function_is_listed_once_and_no_longer_than_it_is_bound)
{
	for (int i = 0; i < 3; i++) {
		function_offer();
		holds(!function_is_there(NULL));
		succeeds(function_try_bind());
		holds(function_is_there(NULL));
		function_unbind();
		holds(!function_is_there(NULL));
	}
}
