/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Assertions on calls that return a negative errno. They name the errno, so that
 * a failure says which promise of dmabuf_revoke.h was broken.
 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <errno.h>
#include <string.h>

#include "test.h"

/* What a libc call returned, in the form of dr_*(): the result or -errno. */
static inline long sys(long result)
{
	return result < 0 ? -errno : result;
}

static inline const char *result_name(long result)
{
	const char *name = result < 0 ? strerrorname_np(-result) : "success";

	return name ? name : "an unknown errno";
}

/* Evaluates to the result, so that descriptors can be taken from it. */
#define succeeds(call)							\
	({								\
		long result_ = (call);					\
									\
		holds(result_ >= 0, "%s: %s", #call,			\
		      result_name(result_));				\
		result_;						\
	})

#define fails(call, error)						\
	do {								\
		long result_ = (call);					\
									\
		holds(result_ == -(error), "%s: %s, expected %s",	\
		      #call, result_name(result_), #error);		\
	} while (0)

/* For tables: goes on after a failure and names the row. */
#define row_gives(row, call, error)					\
	do {								\
		long result_ = (call);					\
		int error_ = (error);					\
									\
		expect(result_ == -error_, "%s: %s, expected %s",	\
		       row, result_name(result_),			\
		       result_name(-error_));				\
	} while (0)

#define equal(have, want)						\
	do {								\
		long long have_ = (long long)(have);			\
		long long want_ = (long long)(want);			\
									\
		holds(have_ == want_, "%s is %lld, expected %lld",	\
		      #have, have_, want_);				\
	} while (0)

#endif
