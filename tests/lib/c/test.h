/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A test program is made of cases. Each runs in a process of its own, see driver.c;
 * what is here says how it ends.
 */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <stdbool.h>
#include <string.h>

struct test {
	const char *name;
	void (*run)(void);
	int signal;		/* that has to end it; 0: none may */
	unsigned int timeout;	/* in seconds, as TIME_LIMIT(); 0: the program's */
};

/* A case without a frame; see CASE() in common.h. The rest sets members of the above. */
#define TEST(suite, id, ...)						\
	static void suite##_##id##_test(void);				\
	static const struct test suite##_##id##_row = {			\
		.name = #id, .run = suite##_##id##_test, ##__VA_ARGS__	\
	};								\
	static const struct test *suite##_##id##_entry			\
	__attribute__((used, section("tests"))) = &suite##_##id##_row;	\
	static void suite##_##id##_test(void)

/* How long each case of this program may take on a stock kernel, if not 60 seconds. */
#define TIME_LIMIT(seconds) const unsigned int time_limit = (seconds)

extern const unsigned int time_limit;

/* The cases of this program: what the linker calls the bounds of that section. */
extern const struct test *__start_tests[];
extern const struct test *__stop_tests[];

/* How the case ended, if it did so itself: its process shares this with the driver's. */
struct outcome {
	bool failed;
	bool finished;
	bool given_up;		/* instead */
	char reason[256];	/* why it was skipped */
};

/* NULL: this is no case, but a program with a main() of its own. */
extern struct outcome *outcome;

/* Says on standard error what is wrong; the case has failed, but goes on. */
void test_complain(const char *file, int line, const char *condition,
		   const char *format, ...) __attribute__((format(printf, 4, 5)));
_Noreturn void test_give_up(void);
_Noreturn void test_skip(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* The condition, and optionally a format that says more than it. */
#define expect(condition, ...)						\
	do {								\
		if (!(condition))					\
			test_complain(__FILE__, __LINE__, #condition,	\
				      " " __VA_ARGS__);			\
	} while (0)

/* The same, and the end of the case if it does not hold. */
#define holds(condition, ...)						\
	do {								\
		if (!(condition)) {					\
			test_complain(__FILE__, __LINE__, #condition,	\
				      " " __VA_ARGS__);			\
			test_give_up();					\
		}							\
	} while (0)

#define expect_text(have, want)						\
	do {								\
		const char *have_ = (have);				\
		const char *want_ = (want);				\
									\
		expect(!strcmp(have_, want_),				\
		       "%s is '%s', expected '%s'", #have, have_,	\
		       want_);						\
	} while (0)

/* For what this kernel, or this machine, does not have: what is missing. */
#define skip(...) test_skip(__VA_ARGS__)

#endif
