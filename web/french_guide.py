"""French for what explains the page: how to read it, the glossary, notes, and pictures in words."""

GUIDE: dict[str, str] = {
    # how to read this
    "Limits": "Limites",
    "The model saw single cells of one collection, one stain and one kind of microscope, at a low resolution: other "
    "material may get confident nonsense. It knows parasite or no parasite, not species, stage or count. It is a "
    "research instrument and no basis for a diagnosis or a treatment.": (
        "Le modèle n’a vu que des cellules isolées d’une seule collection, d’une seule coloration et d’un seul type de "
        "microscope, à faible résolution : sur un autre matériel, il peut donner avec assurance des résultats "
        "absurdes. Il distingue la présence ou l’absence de parasite, mais ni l’espèce, ni le stade, ni la "
        "parasitémie. C’est un instrument de recherche : il ne peut fonder ni un diagnostic ni un traitement."
    ),
    "One network gives two verdicts: a classifier head reads the cell directly, and the likelihood verdict asks under "
    "which class the model can better rebuild the cell from noise. Both percentages were calibrated on patients that "
    "training never saw. Where they disagree, or the classifier is unsure, trust neither.": (
        "Un même réseau rend deux verdicts : un classifieur lit directement la cellule, et le verdict de vraisemblance "
        "demande sous quelle classe le modèle reconstruit le mieux la cellule à partir du bruit. Les deux "
        "pourcentages ont été calibrés sur des patients que l’entraînement n’a jamais vus. S’ils se contredisent, ou "
        "si le classifieur est incertain, ne vous fiez à aucun."
    ),
    "ELBO": "ELBO",
    "The ELBO is a lower bound on how probable the model finds this image under a class, in nats; higher is likelier. "
    "Its absolute value says little, so read the difference between the classes, which the same random draws of noise "
    "make far more precise than either value. A difference within twice its standard error (±) is no evidence; more "
    "draws make the error smaller. The ELBO counts all noise levels, most of which do not see a parasite, and may "
    "point another way than the likelihood verdict, which reads only those that tell the classes apart and is what "
    "counts.": (
        "L’ELBO est une borne inférieure de la probabilité que le modèle donne à cette image sous une classe, en nats "
        "; plus elle est haute, plus l’image est vraisemblable. Sa valeur absolue dit peu de chose : lisez la "
        "différence entre les classes, que les mêmes tirages de bruit rendent bien plus précise que chacune des "
        "valeurs. Une différence inférieure à deux fois son erreur type (±) n’indique rien ; plus de tirages réduisent "
        "l’erreur. L’ELBO compte tous les niveaux de bruit, dont la plupart ne voient pas un parasite, et peut aller "
        "à l’encontre du verdict de vraisemblance, qui ne lit que ceux qui séparent les classes et qui seul compte."
    ),
    "Evidence": "Indices",
    "The map splits the likelihood verdict over the pixels: orange pixels are rebuilt better when the model "
    "assumes a parasite, blue ones when it assumes none, and without colour there is no evidence. The verdict "
    "adds a constant to their sum, the same for every cell and fitted on patients that training never saw, so a "
    "cell with a little orange can still come out as uninfected. The colours scale with the strongest evidence "
    "in this cell and stay faint where all of it is weak: compare places within a cell, not cells. It shows what "
    "this model relies on, which need not be the parasite.": (
        "La carte répartit le verdict de vraisemblance sur les pixels : les pixels orange sont mieux "
        "reconstruits quand le modèle suppose un parasite, les bleus quand il n’en suppose pas, et sans couleur "
        "il n’y a pas d’indice. Le verdict ajoute à leur somme une constante, la même pour toute cellule et "
        "ajustée sur des patients que l’entraînement n’a jamais vus : une cellule avec un peu d’orange peut donc "
        "ressortir non parasitée. L’échelle des couleurs suit l’indice le plus fort de cette cellule et reste "
        "pâle quand tous sont faibles : comparez des endroits d’une même cellule, non des cellules entre elles. "
        "La carte montre ce sur quoi ce modèle s’appuie, qui n’est pas forcément le parasite."
    ),
    "Edit": "Retouche",
    "The edit starts from this very cell and changes as little as the model needs to reverse both verdicts, trying "
    "weak settings before strong ones. The change map shows what became darker (purple) or brighter (green); where the "
    "map has no colour the cell stays as it was. An edit that fails the check explains nothing and is marked as "
    "failed.": (
        "La retouche part de cette cellule même et change aussi peu que nécessaire pour que le modèle renverse ses "
        "deux verdicts, en essayant les réglages faibles avant les forts. La carte des changements montre ce qui est "
        "devenu plus sombre (violet) ou plus clair (vert) ; là où elle n’a pas de couleur, la cellule est restée telle "
        "quelle. Une retouche qui échoue à la vérification n’explique rien, et elle est signalée comme telle."
    ),
    # glossary
    "AUROC": "AUROC",
    "How often a parasitized cell scores above an uninfected one: 0.5 is chance, 1 is always.": (
        "Combien de fois une cellule parasitée obtient un score plus haut qu’une cellule non parasitée : 0,5 est le "
        "hasard, 1 est toujours."
    ),
    "Calibrated": "Calibré",
    "Of the cells that get 90 %, nine in ten are right, on slides like those it was measured on.": (
        "Parmi les cellules qui reçoivent 90 %, neuf sur dix sont justes, sur des lames semblables à celles de la "
        "mesure."
    ),
    "Random samples of noise; a score is the mean over many of them.": (
        "Échantillons aléatoires de bruit ; un score est la moyenne de beaucoup d’entre eux."
    ),
    "A lower bound on the log-probability of the picture under a class; all noise levels count alike in it.": (
        "Borne inférieure de la log-probabilité de l’image sous une classe ; tous les niveaux de bruit y comptent "
        "autant."
    ),
    "The likelihood verdict split over the pixels: what in the cell speaks for which class.": (
        "Le verdict de vraisemblance réparti sur les pixels : ce qui, dans la cellule, plaide pour quelle classe."
    ),
    "How hard an edit is pushed towards the other class; 1 follows the model, more exaggerates.": (
        "Avec quelle force une retouche est poussée vers l’autre classe ; 1 suit le modèle, davantage exagère."
    ),
    "How much the classifier’s score moves when a pixel does; a common map, shown for comparison.": (
        "De combien le score du classifieur bouge quand un pixel change ; une carte courante, montrée pour comparer."
    ),
    "How well the model explains the cell as one of a class; the second verdict compares two of these.": (
        "À quel point le modèle explique la cellule comme membre d’une classe ; le second verdict en compare deux."
    ),
    "Log-odds": "Log-cote",
    "The unit of evidence: 0 is undecided, +2.2 is nine to one for, −2.2 nine to one against.": (
        "L’unité des indices : 0 est indécis, +2,2 vaut neuf contre un pour, −2,2 neuf contre un contre."
    ),
    "Luminance": "Luminance",
    "How bright a pixel looks to the eye, from 0 (black) to 255 (white).": (
        "La clarté d’un pixel pour l’œil, de 0 (noir) à 255 (blanc)."
    ),
    "Nats": "Nats",
    "The unit of the ELBO. A bound’s nats are no odds: hundreds of them are usual, and no certainty.": (
        "L’unité de l’ELBO. Les nats d’une borne ne sont pas des cotes : des centaines sont habituels et ne sont "
        "pas une certitude."
    ),
    "Parasitized, uninfected": "Parasitée, non parasitée",
    "With a malaria parasite inside the cell, and without.": "Avec un parasite du paludisme dans la cellule, et sans.",
    "The number that random draws start from; the same seed gives the same figures.": (
        "Le nombre d’où partent les tirages aléatoires ; la même graine donne les mêmes chiffres."
    ),
    "Standard error": "Erreur type",
    "How far a mean over draws typically lies from the mean over infinitely many.": (
        "L’écart habituel entre une moyenne de tirages et la moyenne d’une infinité de tirages."
    ),
    "Starting noise": "Bruit de départ",
    "How much of the cell an edit first dissolves; more noise allows larger changes.": (
        "La part de la cellule que la retouche dissout d’abord ; plus de bruit permet de plus grands changements."
    ),
    "The classifier is not sure enough, or the two verdicts disagree: have such a cell looked at.": (
        "Le classifieur n’est pas assez sûr, ou les deux verdicts se contredisent : faites examiner la cellule."
    ),
    # notes, and pictures in words
    "Dots show each class relative to the mean of both, bars ± one standard error from paired draws. The noise behind "
    "each class’s own error is the same for both, so most of it cancels in the difference. The ELBO weighs all noise "
    "levels alike, most of which do not see a parasite; the likelihood verdict reads those that tell the classes "
    "apart.": (
        "Les points montrent chaque classe par rapport à la moyenne des deux, les barres ± une erreur type des tirages "
        "appariés. Le bruit derrière l’erreur propre à chaque classe est le même pour les deux : l’essentiel s’annule "
        "dans la différence. L’ELBO pèse tous les niveaux de bruit également, dont la plupart ne voient pas un "
        "parasite ; le verdict de vraisemblance lit ceux qui séparent les classes."
    ),
    "For comparison: how strongly each pixel moves the classifier’s score (gradient). It says nothing about the "
    "direction, and a strong gradient beside the stain is common.": (
        "Pour comparaison : à quel point chaque pixel fait bouger le score du classifieur (gradient). Cela ne dit rien "
        "du sens, et un gradient fort à côté de la coloration est courant."
    ),
    "The same cell, seed and direction with half the guidance, and with one and a half times the guidance over a "
    "wider region. The search tries a few strengths only, so that a weaker edit may turn both verdicts too; a "
    "stronger one shows what the model adds or takes away when pushed.": (
        "La même cellule, la même graine et le même sens avec la moitié du guidage, puis avec une fois et demie "
        "le guidage sur une région plus large. La recherche n’essaie que quelques forces : une retouche plus "
        "faible peut donc aussi renverser les deux verdicts ; une plus forte montre ce que le modèle ajoute ou "
        "retire quand on le pousse."
    ),
    "the cell in {file}": "la cellule de {file}",
    "the picture {file}": "l’image {file}",
    "{file} with the outline of what was found in it": "{file} avec le contour de ce qui y a été trouvé",
    "evidence map of {file}: on the whole it speaks for {label}, most strongly at {height} {side}": (
        "carte des indices de {file} : dans l’ensemble elle plaide pour {label}, le plus fortement {height} {side}"
    ),
    "gradient saliency of {file}: yellow where the classifier’s score depends most on the pixel": (
        "saillance par gradient de {file} : jaune là où le score du classifieur dépend le plus du pixel"
    ),
    "map of what changed in {file}, edited to {target}: most at {height} {side}, which became {how}": (
        "carte de ce qui a changé dans {file}, retouchée en {target} : surtout {height} {side}, devenu {how}"
    ),
    "{file}, edited to {target}": "{file}, retouchée en {target}",
    "the edit so far": "la retouche en cours",
    "brighter": "plus clair",
    "darker": "plus sombre",
    "{name} edit to {target}: {verdict}": "Retouche « {name} » en {target} : {verdict}",
    "top": "en haut",
    "middle": "au milieu",
    "bottom": "en bas",
    "left": "à gauche",
    "centre": "au centre",
    "right": "à droite",
}
