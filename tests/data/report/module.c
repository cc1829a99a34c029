/* A module's shape for the symbolizer's test: code in two sections, none with an address yet. */
__attribute__((section(".modinfo"), used)) static const char vermagic[] =
	"license=GPL\0vermagic=6.1.0-inlines SMP mod_unload ";
volatile int module_sink;
volatile int module_other;

static inline __attribute__((always_inline)) void module_step(int value)
{
	module_sink = value; /* step */
	__asm__ volatile("nop");
}

__attribute__((noinline)) int module_work(int value)
{
	module_step(value + 1); /* work */
	module_other += 2;
	return module_sink;
}

__attribute__((noinline, section(".init.text"))) int module_start(int value)
{
	module_other = 3;
	module_step(value); /* start */
	return module_work(value);
}
