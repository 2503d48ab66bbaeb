// A page of tables alone.

makeTheme(() => {});
finish();
